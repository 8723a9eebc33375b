"""Activate and deactivate scan types: recorded before it is sent, sent once, watched until AWS says that it is so.

The database drives everything: whoever takes a request's lease looks at AWS first and sends only what is not so yet.
A worker that dies at any point leaves items whose state says what was about to be done; the next one looks before it
goes on, and repeats nothing blindly.
"""
