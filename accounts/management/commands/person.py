"""`manage.py person`: give somebody a role from the host, above all to the first site admin."""

from __future__ import annotations

import argparse
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from accounts import people
from accounts.choices import Role
from accounts.models import Person
from accounts.people import HOST, Refused, Rights


class Command(BaseCommand):
    help = (
        "Create or change a person. The audit names manage.py as who did it. A password is set with"
        " `manage.py changepassword NAME`; without one only single sign-on lets somebody in."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("name")
        parser.add_argument("--role", choices=Role.values, help="left out: stays as it is")
        parser.add_argument("--all-accounts", action="store_true", help="a delegated admin for every account")
        parser.add_argument("--account", action="append", default=[], metavar="ID", help="grant this account as well")
        parser.add_argument("--inactive", action="store_true", help="may not log in; every session ends")

    def handle(self, *args: Any, **options: Any) -> None:
        name: str = options["name"]
        if options["all_accounts"] and options["role"] != Role.DELEGATED_ADMIN:
            raise CommandError("--all-accounts goes with --role delegated_admin: the other roles say it themselves.")
        try:
            with transaction.atomic():
                person = _person(name)
                role = person.role if options["role"] is None else options["role"]
                keeps = person.all_accounts if options["role"] is None else False
                groups = Rights.of(person).groups
                is_active = not options["inactive"] and (person.is_active or options["role"] is not None)
                wanted = Rights(role, options["all_accounts"] or keeps, is_active, groups)
                people.change_rights(person, wanted, HOST)
                for account_id in options["account"]:
                    people.add_grant(person, HOST, account_id=account_id)
        except Refused as refused:
            raise CommandError(str(refused)) from None
        self.stdout.write(f"{name}: {people.rights_in_words(wanted)}.")
        if not person.has_usable_password():
            self.stdout.write(f"{name} has no password yet: python manage.py changepassword {name}")


def _person(name: str) -> Person:
    found = Person.objects.filter(username=name).first()
    if found is not None:
        return found
    made = Person(username=name)
    made.set_unusable_password()
    try:
        made.full_clean(exclude=["password"])
    except ValidationError as error:
        raise CommandError(f"“{name[:60]}” is no name: {' '.join(error.messages)}") from None
    made.save()
    return made
