"""The Celery application: tasks of every installed app, settings from Django."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "coverage_site.settings")

app = Celery("coverage_site")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
