"""Write down who did what: the one way in which audit events come to be."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.utils import timezone

from accounts.choices import Event
from accounts.models import AuditEvent

LONGEST = 512
SHORT = {"subject", "from_value", "to_value"}


def record(event: Event, actor: str, **facts: Any) -> AuditEvent:
    """One event, in the caller's transaction: if it cannot be written, what it tells of is not done either."""
    made = _event(event, actor, facts)
    made.save(force_insert=True)
    return made


def record_all(event: Event, actor: str, facts_of_each: Iterable[dict[str, Any]]) -> None:
    AuditEvent.objects.bulk_create((_event(event, actor, facts) for facts in facts_of_each), batch_size=500)


def _event(event: Event, actor: str, facts: dict[str, Any]) -> AuditEvent:
    for name in SHORT.intersection(facts):
        facts[name] = str(facts[name])[:LONGEST]
    return AuditEvent(at=timezone.now(), event=event, actor=actor[:150], **facts)
