"""The product's Celery application, small, and with points at which it can be made to die."""

import os
from pathlib import Path

import django

from coverage_site.celery import app
from tests.torture import points

django.setup()
LEASE = int(os.environ["TORTURE_LEASE"])
points.make_small(LEASE)
points.install(points.named_in(Path(os.environ["TORTURE_STATE"]) / "crash"))
for entry in ("go on where a worker was lost", "say that beat, broker and worker live"):
    app.conf.beat_schedule[entry]["schedule"] = min(20, LEASE / 3)

__all__ = ["app"]
