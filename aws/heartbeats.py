"""Signs of life of what runs on its own, and turns that are taken once a period however many processes offer them."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.db import DatabaseError, InterfaceError, connection
from django.db.models import Max, Q
from django.db.models.functions import Now

from aws.models import LEASE, Heartbeat, SyncScope

log = logging.getLogger(__name__)

WORKER = "worker"
BEAT = "beat"
DISPATCH = "dispatch"
SNAPSHOT = "snapshot"


def beat(name: str) -> None:
    """This was alive just now."""
    Heartbeat.objects.update_or_create(name=name, defaults={"at": Now()})


def say_alive(name: str) -> None:
    """The same from a process that lives for long and must not end when the database is away."""
    try:
        beat(name)
    except (DatabaseError, InterfaceError) as error:
        log.warning("The sign of life of %s could not be stored: %s", name, error)
    finally:
        connection.close()


def worker_last_seen() -> datetime | None:
    """When a worker last did something: the heartbeat's task, or a read, behind which that task has to wait.

    A read renews its lease while it goes on, so the lease says when it was last alive.
    """
    newest = SyncScope.objects.aggregate(at=Max("lease_until"))["at"]
    signs = [last_seen(WORKER), newest - LEASE if newest else None]
    return max((at for at in signs if at), default=None)


def last_seen(name: str, *, before: timedelta = timedelta(0)) -> datetime | None:
    """When it was; None if it never was, or not yet so long ago."""
    return Heartbeat.objects.filter(name=name, at__lte=Now() - before).values_list("at", flat=True).first()


def take_turn(name: str, every: timedelta) -> bool:
    """Whether the turn of this period is ours: two beats, or one that catches up, make one dispatch and not several.

    A turn in the future is none: the clock was set back.
    """
    is_due = Q(at__lt=Now() - 0.9 * every) | Q(at__gt=Now() + every)
    if Heartbeat.objects.filter(is_due, name=name).update(at=Now()):
        return True
    return Heartbeat.objects.get_or_create(name=name, defaults={"at": Now()})[1]
