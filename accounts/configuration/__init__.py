"""Change the organization's settings, a member's configuration or its membership: one setting in one Region at a time.

Like an activation, a request is recorded before anything is sent. A worker looks at AWS first, and sends nothing if
AWS has something else than the person saw; it sends once, and looks before it would send again.
"""
