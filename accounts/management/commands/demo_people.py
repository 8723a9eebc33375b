"""`manage.py demo_people`: the people of a demonstration, from the environment, each time with the same passwords."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from accounts import audit, people
from accounts.choices import Event, Role
from accounts.models import Person, account_id_validator
from accounts.people import HOST, Refused, Rights

VARIABLE = "DEMO_PEOPLE"


class Command(BaseCommand):
    help = (
        f"Create or update the people named in {VARIABLE}: a JSON list of name, password, role and accounts."
        " The audit names manage.py as who did it."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            named = json.loads(os.environ[VARIABLE])
        except KeyError:
            raise CommandError(f"{VARIABLE} is missing; without it there is nobody to create.") from None
        except ValueError:
            raise CommandError(f"{VARIABLE} is not JSON.") from None
        if not isinstance(named, list) or not all(isinstance(one, dict) for one in named):
            raise CommandError(f"{VARIABLE} is not a list of people.")
        with transaction.atomic():
            for one in named:
                _store(one)
        self.stdout.write(f"{len(named)} people.")


def _store(one: dict[str, Any]) -> None:
    try:
        name, password, role = str(one["name"]), str(one["password"]), Role(one["role"])
    except (KeyError, ValueError) as error:
        raise CommandError(f"{VARIABLE}: each person needs name, password and role ({error}).") from None
    accounts = [str(account_id) for account_id in one.get("accounts", [])]
    for account_id in accounts:
        try:
            account_id_validator(account_id)
        except ValidationError as error:
            raise CommandError(f"{VARIABLE}: {account_id}: {error.message}") from None
    person, _ = Person.objects.get_or_create(username=name)
    if not person.check_password(password):
        person.set_password(password)
        person.save(update_fields=["password"])
        audit.record(Event.SETTINGS_CHANGED, HOST.name, subject=name, to_value="password set")
    wanted = replace(Rights.of(person), role=role, all_accounts=role == Role.DELEGATED_ADMIN and not accounts)
    try:
        people.change_rights(person, wanted, HOST)
        for grant in person.grants.exclude(account_id__in=accounts):
            people.remove_grant(grant, HOST)
        for account_id in accounts:
            people.add_grant(person, HOST, account_id=account_id)
    except Refused as refused:
        raise CommandError(f"{VARIABLE}: {name}: {refused}") from None
