"""The WSGI application, for gunicorn."""

import os

from django.core.wsgi import get_wsgi_application

from coverage_site.environment import said_in_one_line

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "coverage_site.settings")

with said_in_one_line():
    application = get_wsgi_application()
