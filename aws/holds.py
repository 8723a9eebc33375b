"""What a person says about a held scope: let the rows go, or keep them."""

from __future__ import annotations

from aws.choices import HoldDecision, ScopeState
from aws.clock import database_now
from aws.models import SyncScope


def decide(scope: SyncScope, decision: HoldDecision, by: str) -> bool:
    """Record the decision; the next read follows it. False if the scope is not held any more: nothing is changed.

    Released, the next read does what this hold kept it from, and nothing else: it accepts that caller, believes the
    list in spite of the statistics, or takes away what was missing at this moment. Refused, the rows stay until a read
    sees them again, and AWS' statistics alone no longer release them.
    """
    held = SyncScope.objects.filter(pk=scope.pk, state=ScopeState.HELD, generation=scope.generation)
    now = database_now(scope.pk)
    return bool(held.update(hold_decision=decision, hold_decided_by=by, hold_decided_at=now))
