"""`manage.py check_aws`: who we are in each Region, and whether AWS lets us make the calls that reading needs."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from accounts.permissions import Answer, BadCredentials, check
from aws.calls import statement
from aws.choices import Permission
from aws.models import GLOBAL


class Command(BaseCommand):
    help = "Try every call that reading needs, in its cheapest form. Exits with 0 only if all of them are allowed."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--region", action="append", metavar="R", help="Only this Region; may be given again")

    def handle(self, *args: Any, region: list[str] | None, **options: Any) -> None:
        regions = list(dict.fromkeys(region or settings.COVERAGE_REGIONS))
        unknown = [name for name in regions if name not in settings.COVERAGE_REGIONS]
        if unknown:
            raise CommandError(f"{unknown[0]} is not among COVERAGE_REGIONS ({', '.join(settings.COVERAGE_REGIONS)}).")
        answers = []
        try:
            for answer in check(regions):
                self.stdout.write(line(answer))
                answers.append(answer)
        except BadCredentials as bad:
            raise CommandError(f"AWS accepts these credentials in no Region. {bad}") from bad
        denied = sorted({answer.call.action for answer in answers if answer.permission == Permission.DENIED})
        if denied:
            self.stdout.write("\nWhat to add to the policy of the role:\n" + json.dumps(statement(*denied), indent=2))
        bad_answers = [answer for answer in answers if not answer.is_fine]
        if bad_answers:
            raise CommandError(f"{len(bad_answers)} of {len(answers)} calls are not known to be allowed.")


def line(answer: Answer) -> str:
    """Region, action, what AWS answered; and in words what it means. A control character of AWS moves no cursor."""
    region = "every Region" if answer.region == GLOBAL else answer.region
    words = "".join(letter if letter.isprintable() else " " for letter in answer.words)
    head = f"{region:<16} {answer.call.action:<48} {answer.permission.label}"
    return f"{head}: {words}" if words else head
