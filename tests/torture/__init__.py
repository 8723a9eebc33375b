"""What the sync must survive: real processes, real outages, and after each case the question whether all still holds.

`python -m tests.torture --form sqlite|postgres [--short] [--seed N]`; `make torture` runs both.
"""
