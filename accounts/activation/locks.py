"""Which cells an organization policy locks, and how we know: AWS says so with a read, or it refused a change."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from accounts.choices import ItemState
from accounts.models import ActivationItem, ScanTypeStatus

BLOCKED = "BLOCKED_BY_ORGANIZATION_POLICY"
NEXT_STEP = "Whoever keeps that policy in AWS Organizations can change it."

Key = tuple[str, str, str]
"""Account, Region, scan type."""


@dataclass(frozen=True)
class Lock:
    """AWS' words, and of which request they are the answer; of none, AWS repeats it with every read."""

    message: str
    request: int = 0
    at: datetime | None = None

    def __str__(self) -> str:
        if self.at is None:
            return f"Locked by an organization policy: {self.message or 'AWS gives no reason.'}"
        return f"Locked by an organization policy: AWS refused a change on {self.at.day} {self.at:%b %Y}."


def locks_of(statuses: Iterable[ScanTypeStatus], account_ids: Iterable[str], regions: Iterable[str]) -> dict[Key, Lock]:
    """The locked cells of these accounts: one query.

    A refusal stands until the cell's status has changed since: nobody tells us when a policy is lifted.
    """
    rows = {(row.account_id, row.region, row.scan_type): row for row in statuses}
    here = {"account_id__in": list(account_ids), "region__in": list(regions)}
    refused = ActivationItem.objects.filter(state=ItemState.REFUSED, error_code=BLOCKED, **here).order_by("settled_at")
    found: dict[Key, Lock] = {}
    for item in refused:
        row = rows.get((item.account_id, item.region, item.scan_type))
        changed = row.changed_at if row else None
        if item.settled_at and not (changed and changed > item.settled_at):
            key = (item.account_id, item.region, item.scan_type)
            found[key] = Lock(item.error_message, item.request_id, item.settled_at)
    told = {key: Lock(row.error_message) for key, row in rows.items() if row.error_code == BLOCKED}
    return found | told
