"""`manage.py holds`: what is held, released or refused without a browser."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from accounts import audit
from accounts.choices import Event
from aws import holds
from aws.choices import HoldDecision, ScopeState
from aws.models import GLOBAL, SyncScope

BY = "the command line"


class Command(BaseCommand):
    help = "List the scopes that are held and what would go, or say what becomes of one. The next sync follows it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        decision = parser.add_mutually_exclusive_group()
        decision.add_argument("--release", type=int, metavar="ID", help="Let go what this scope is held for")
        decision.add_argument("--refuse", type=int, metavar="ID", help="Keep it, until a read sees it again")

    def handle(self, *args: Any, release: int | None, refuse: int | None, **options: Any) -> None:
        if release is not None:
            self._decide(release, HoldDecision.RELEASED)
        elif refuse is not None:
            self._decide(refuse, HoldDecision.REFUSED)
        else:
            self._list()

    def _decide(self, scope_id: int, decision: HoldDecision) -> None:
        scope = SyncScope.objects.filter(pk=scope_id).first()
        with transaction.atomic():
            if scope is None or not holds.decide(scope, decision, BY):
                raise CommandError(f"{scope_id} is not held. `manage.py holds` lists what is.")
            facts = {"subject": str(scope), "region": "" if scope.region == GLOBAL else scope.region}
            audit.record(Event.HOLD_DECIDED, BY, to_value=decision.value, **facts)
        self.stdout.write(f"{scope}: {decision.label.lower()}. The next sync follows it.")

    def _list(self) -> None:
        held = SyncScope.objects.filter(state=ScopeState.HELD)
        for scope in held:
            said = f" ({scope.get_hold_decision_display().lower()})" if scope.hold_decision else ""
            self.stdout.write(f"{scope.pk}  {scope}{said}: {scope.error}")
            for name in scope.would_go:
                self.stdout.write(f"    {name}")
        if not held:
            self.stdout.write("Nothing is held.")
