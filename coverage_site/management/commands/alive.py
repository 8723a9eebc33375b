"""`alive worker`, `alive beat`: for the health checks of containers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, InterfaceError
from django.utils import timezone

from aws import heartbeats
from coverage_site.readiness import AWAY, alive

SEEN: dict[str, Callable[[], datetime | None]] = {
    heartbeats.WORKER: heartbeats.worker_last_seen,
    heartbeats.BEAT: lambda: heartbeats.last_seen(heartbeats.BEAT),
}


class Command(BaseCommand):
    help = "Ends with 0 when a worker, or beat, gave a sign of life within the last minute, else with 1."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("what", choices=sorted(SEEN))

    def handle(self, *, what: str, **_: Any) -> None:
        try:
            part = alive(SEEN[what](), timezone.now(), AWAY)
        except (DatabaseError, InterfaceError):
            raise CommandError("The database does not answer.") from None
        ago = part.details["seconds_ago"]
        said = "was never seen" if ago is None else f"was last seen {ago} seconds ago"
        if not part.is_fine:
            raise CommandError(f"{what} {said}.")
        self.stdout.write(f"{what} {said}.")
