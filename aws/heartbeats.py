"""Signs of life of what runs on its own, and turns that are taken once a period however many processes offer them."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Q
from django.db.models.functions import Now

from aws.models import Heartbeat

WORKER = "worker"
BEAT = "beat"
DISPATCH = "dispatch"
SNAPSHOT = "snapshot"


def beat(name: str) -> None:
    """This was alive just now."""
    Heartbeat.objects.update_or_create(name=name, defaults={"at": Now()})


def last_seen(name: str) -> datetime | None:
    return Heartbeat.objects.filter(name=name).values_list("at", flat=True).first()


def take_turn(name: str, every: timedelta) -> bool:
    """Whether the turn of this period is ours: two beats, or one that catches up, make one dispatch and not several.

    A turn in the future is none: the clock was set back.
    """
    is_due = Q(at__lt=Now() - 0.9 * every) | Q(at__gt=Now() + every)
    if Heartbeat.objects.filter(is_due, name=name).update(at=Now()):
        return True
    return Heartbeat.objects.get_or_create(name=name, defaults={"at": Now()})[1]
