"""The product's Celery application, small, and with points at which it can be made to die."""

import os
from pathlib import Path

import django
from django.conf import settings

from coverage_site.celery import app

django.setup()

from tests.torture import points  # noqa: E402

LEASE = int(os.environ["TORTURE_LEASE"])
PERIOD = points.period(LEASE)

points.make_small(LEASE)
points.install(points.named_in(Path(os.environ["TORTURE_STATE"]) / "crash"))
settings.COVERAGE_SYNC_EVERY = PERIOD
app.conf.worker_soft_shutdown_timeout = LEASE / 5
app.conf.beat_schedule["sync every Region"]["schedule"] = PERIOD
for entry in ("go on where a worker was lost", "say that beat, broker and worker live"):
    app.conf.beat_schedule[entry]["schedule"] = min(20, LEASE / 3)

__all__ = ["app"]
