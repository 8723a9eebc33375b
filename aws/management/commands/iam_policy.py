"""`manage.py iam_policy`: the least that a role must be allowed, as JSON for IAM."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from aws import calls


class Command(BaseCommand):
    help = "Print the IAM policy of the role to read with or, with --write, of the role to write with."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--write", action="store_true", help="The policy of COVERAGE_WRITE_ROLE_ARN")
        parser.add_argument(
            "--without", action="append", default=[], choices=sorted(calls.LEFT_OUT), help="Leave this out (--write)"
        )

    def handle(self, *args: Any, write: bool, without: list[str], **options: Any) -> None:
        if without and not write:
            raise CommandError("--without goes with --write: the policy to read with changes nothing.")
        use = calls.WRITE if write else calls.READ
        partition = calls.partition_of(settings.COVERAGE_REGIONS[0])
        self.stdout.write(json.dumps(calls.policy(use, frozenset(without), partition), indent=2))
        role = "COVERAGE_WRITE_ROLE_ARN" if write else "COVERAGE_READ_ROLE_ARN"
        self.stderr.write(f"For the role of {role}. The credentials of its workers need sts:AssumeRole on that role.")
