"""`manage.py unseen_statuses`: the statuses that the map does not know, as JSON that names no account."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand

from scanning.statuses import map_version
from scanning.unseen import unseen_statuses


class Command(BaseCommand):
    help = "Print the statuses that AWS gave and the status map does not know, with counts; no account, name or id."

    def handle(self, *args: Any, **options: Any) -> None:
        found = {"status_map": map_version().hex(), "unseen": list(unseen_statuses())}
        self.stdout.write(json.dumps(found, indent=2))
