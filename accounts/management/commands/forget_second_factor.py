"""`manage.py forget_second_factor NAME`: for somebody who lost the app, the passkeys and the recovery codes."""

from __future__ import annotations

from typing import Any

from allauth.mfa.models import Authenticator
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from accounts import audit
from accounts.choices import Event
from accounts.models import Person


class Command(BaseCommand):
    help = "Forget the app, the passkeys and the recovery codes of a person, who then logs in by password alone."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name")

    def handle(self, *args: Any, **options: Any) -> None:
        person = Person.objects.filter(username=options["name"]).first()
        if person is None:
            raise CommandError("Nobody has this name.")
        with transaction.atomic():
            forgotten, _ = Authenticator.objects.filter(user=person).delete()
            audit.record(
                Event.SETTINGS_CHANGED,
                "manage.py forget_second_factor",
                subject=f"Login of {person.username}: second factor",
                to_value="removed",
            )
        self.stdout.write(f"{forgotten} forgotten.")
