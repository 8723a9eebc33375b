"""Read by gunicorn where it is started: its own lines look like all others. The rest stands on its command line."""

from coverage_site.environment import said_in_one_line

with said_in_one_line():
    from coverage_site.settings import LOGGING as logconfig_dict  # noqa: F401
