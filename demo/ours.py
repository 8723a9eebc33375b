"""Whether database and broker are the demo's to fill; then the tables, and a mark that says so from now on.

`python -m demo.ours --administrator ID [--database] [--broker]`, for what a person named in DATABASE_URL and REDIS_URL.
The demo resets passwords and writes a made-up organization: never into an installation in use.
"""

from __future__ import annotations

import argparse
import os
import sys

import django
from django.core.exceptions import ImproperlyConfigured

MARK = "demo"
"""Where the demo has been before: a heartbeat of this name."""
BROKER_MARK = "coverage-demo"
QUEUES = ("celery", "changes")
ADVICE = "The demo takes only an empty one, or one of its own"


def reason_against_database(administrator: str) -> str:
    """Why this database is somebody else's; empty if it is the demo's to fill."""
    from django.db import connection

    from accounts.models import Person
    from aws.models import Heartbeat, SyncScope

    tables = set(connection.introspection.table_names())
    needed = {model._meta.db_table for model in (Person, Heartbeat, SyncScope)}
    if not needed <= tables:
        return "it holds tables of something else, or of an older version" if tables else ""
    strange = SyncScope.objects.exclude(caller_account__in=["", administrator]).values_list("caller_account", flat=True)
    if account := strange.first():
        return f"account {account} was read into it, which is no account of the demo"
    if Heartbeat.objects.filter(name=MARK).exists():
        return ""
    people, scopes = Person.objects.count(), SyncScope.objects.count()
    return f"it holds what no demo made (people: {people}, scopes that are read: {scopes})" if people or scopes else ""


def reason_against_broker() -> str:
    """Why this broker is somebody else's; empty if it is the demo's to use."""
    from coverage_site.broker import BrokerAway, ask
    from coverage_site.celery import app

    keys = [key for queue in QUEUES for key in (queue, f"_kombu.binding.{queue}")]
    try:
        is_marked, is_used = ask(lambda client: (client.exists(BROKER_MARK), client.exists(*keys)))
    except BrokerAway as away:
        return str(away)
    if is_used and not is_marked:
        return "it holds queues that no demo made"
    if workers := app.control.ping(timeout=1):
        return f"workers take tasks from it ({len(workers)})"
    ask(lambda client: client.set(BROKER_MARK, "1"))
    return ""


def prepare_database() -> None:
    from django.core.management import call_command

    from aws import heartbeats

    call_command("migrate", interactive=False, verbosity=0)
    heartbeats.beat(MARK)


def main() -> int:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--administrator", required=True)
    arguments.add_argument("--database", action="store_true")
    arguments.add_argument("--broker", action="store_true")
    asked = arguments.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "coverage_site.settings")
    from coverage_site.commands import database_said_in_one_line

    try:
        django.setup()
        with database_said_in_one_line():
            if asked.database and (reason := reason_against_database(asked.administrator)):
                sys.exit(f"DATABASE_URL names a database in use: {reason}. {ADVICE}.")
            if asked.broker and (reason := reason_against_broker()):
                sys.exit(f"REDIS_URL names a broker that cannot be used: {reason}. {ADVICE}.")
            prepare_database()
    except ImproperlyConfigured as error:
        sys.exit(f"Cannot start: {error}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
