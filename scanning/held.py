"""A hold as a person sees it: what would go, what a release costs, and what was said about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.conf import settings

from accounts.models import Person
from aws.choices import HoldDecision, HoldKind, RunOutcome, What
from aws.errors import MOST_NAMED
from aws.models import SyncScope
from coverage_site.drawing import ago, noun_for
from scanning.freshness import Freshness


@dataclass(frozen=True)
class Hold:
    """What stands between a held scope and its next read. Names are empty for who may not see all accounts."""

    scope: SyncScope
    names: Sequence[str]
    number: int
    is_at_least: bool
    decision: str

    @property
    def is_by_caller(self) -> bool:
        """Held because another caller answers: nothing was compared, so nothing is named."""
        return self.scope.hold_kind == HoldKind.CALLER

    @property
    def is_of_incomplete_read(self) -> bool:
        """Held because the list and AWS' statistics differ, whether or not a row of ours is absent from it."""
        return self.scope.hold_kind == HoldKind.INCOMPLETE

    @property
    def why(self) -> str:
        if self.is_by_caller:
            return "another caller answers"
        if self.is_of_incomplete_read:
            return "the list and AWS' statistics differ"
        return f"{self.would_go} would go"

    @property
    def release(self) -> str:
        """What a release does, as its button says it."""
        if self.is_by_caller:
            return "accept the new caller"
        if self.is_of_incomplete_read:
            return "believe the list"
        return f"let {self.would_go[0].lower()}{self.would_go[1:]} go"

    @property
    def would_go(self) -> str:
        noun = noun_for(self.number, "accounts" if self.is_of_accounts else "rows")
        return f"{'At least ' if self.is_at_least else ''}{self.number:,} {noun}"

    @property
    def not_named(self) -> int:
        return self.number - len(self.names)

    @property
    def is_of_accounts(self) -> bool:
        return self.scope.what in {What.ACCOUNTS, What.ORGANIZATION}

    @property
    def cost(self) -> str:
        """What a release takes away."""
        if self.is_by_caller and self.is_of_accounts:
            return "The next read accepts the new caller. Accounts that it does not list are marked as left."
        if self.is_by_caller:
            return "The next read accepts the new caller. If too much is absent from what it lists, it is held again."
        if self.is_of_incomplete_read and not self.number:
            return "The next read believes the list, whatever AWS' statistics count. No row of ours is absent from it."
        if self.is_of_incomplete_read:
            return (
                "The next read believes the list, whatever AWS' statistics count."
                f" {self.would_go} {'is' if self.number == 1 else 'are'} absent from it, and will be marked missing,"
                " then gone. What AWS still lists comes back by itself."
            )
        will = "will be marked as left" if self.is_of_accounts else "will be marked gone"
        return f"{self.would_go} {will} at the next read. What AWS still lists comes back by itself."

    @property
    def afterwards(self) -> str:
        days = f"{settings.COVERAGE_RETENTION.days:,} days"
        if self.is_of_accounts:
            return "They leave the lists, the counts and the exports; their pages and their history stay."
        return f"What is gone leaves the lists, the counts and the exports. Its page and history stay for {days}."

    @property
    def may_be_released(self) -> bool:
        return self.scope.hold_decision != HoldDecision.RELEASED

    @property
    def may_be_refused(self) -> bool:
        return self.scope.hold_decision != HoldDecision.REFUSED


def hold_of(scope: SyncScope, person: Person, freshness: Freshness) -> Hold | None:
    """Why this scope waits; None if it does not. One query."""
    if not scope.is_held:
        return None
    named = [str(name) for name in scope.would_go]
    number = len(named)
    if number >= MOST_NAMED:
        held = scope.runs.filter(outcome=RunOutcome.HELD).order_by("-generation")
        number = max(number, held.values_list("missing", flat=True).first() or 0)
    return Hold(
        scope=scope,
        names=named if person.sees_all_accounts else [],
        number=number,
        is_at_least=number == len(named) >= MOST_NAMED,
        decision=_decision(scope, person, freshness),
    )


def _decision(scope: SyncScope, person: Person, freshness: Freshness) -> str:
    """What was said, by whom and when, and what follows."""
    follows = {
        HoldDecision.RELEASED.value: "The next read follows it.",
        HoldDecision.REFUSED.value: "The rows are kept until a read sees them again.",
    }.get(scope.hold_decision, "")
    if not follows:
        return ""
    by = f" by {scope.hold_decided_by}" if person.sees_all_accounts else ""
    when = f", {ago(scope.hold_decided_at, freshness.now)}" if scope.hold_decided_at else ""
    return f"{scope.get_hold_decision_display()}{by}{when}. {follows}"
