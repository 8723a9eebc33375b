"""Who or what changed last what somebody wants to change: told to whoever confirms too late."""

from __future__ import annotations

from datetime import UTC, timedelta

from django.utils import timezone

from accounts.activation.preview import Wish
from accounts.models import AccountChange, ActivationItem, Person

LATELY = timedelta(hours=1)
"""What is older than this, nobody who looked at a preview was overtaken by."""


def latest_change(person: Person, wish: Wish) -> str:
    """A sentence with person and time; empty where nothing is known. Only of accounts that this person sees."""
    since = timezone.now() - LATELY
    here = {"account_id__in": wish.account_ids, "region__in": wish.regions}
    items = ActivationItem.objects.visible_to(person).filter(request__created_at__gt=since, **here)
    asked = items.select_related("request__person").order_by("-request__created_at", "-pk").first()
    changes = AccountChange.objects.visible_to(person).filter(at__gt=since, **here)
    told = changes.order_by("-at", "-pk").first()
    if asked and (told is None or told.at <= (asked.settled_at or timezone.now())):
        request = asked.request
        at = f"{request.created_at.astimezone(UTC):%H:%M} UTC"
        return f"Last changed by {request.person} at {at} (request {request.pk})."
    if told:
        return f"AWS told at {told.at.astimezone(UTC):%H:%M} UTC that {told.account_id} became {told.to_value}."
    return ""
