"""`manage.py demo_people`: the people of a demonstration, from the environment."""

from __future__ import annotations

import json

import pytest
from django.core.management import CommandError, call_command

from accounts.choices import Event
from accounts.models import AuditEvent, Person
from tests.factories import PAYMENTS, SEARCH

pytestmark = pytest.mark.django_db

PASSWORD = "correct-horse-battery"


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch):
    """Run the command with these people in the environment."""

    def run(*people: object) -> None:
        monkeypatch.setenv("DEMO_PEOPLE", json.dumps(people))
        call_command("demo_people")

    return run


def one(name: str, role: str, **more: object) -> dict[str, object]:
    return {"name": name, "password": PASSWORD, "role": role, **more}


def test_people_are_made_with_role_password_and_accounts(ask, capsys) -> None:
    ask(one("viewer", "viewer"), one("team", "account_viewer", accounts=[PAYMENTS]), one("admin", "delegated_admin"))
    viewer, team, admin = (Person.objects.get(username=name) for name in ("viewer", "team", "admin"))
    assert viewer.sees_all_accounts
    assert viewer.check_password(PASSWORD)
    assert list(team.grants.values_list("account_id", flat=True)) == [PAYMENTS]
    assert not team.sees_all_accounts
    assert admin.all_accounts
    assert PASSWORD not in "".join(capsys.readouterr())


def test_a_second_time_people_are_brought_up_to_date_and_stay_logged_in(ask) -> None:
    ask(one("team", "account_viewer", accounts=[PAYMENTS]))
    before = Person.objects.get().password
    ask(one("team", "account_viewer", accounts=[SEARCH]))
    person = Person.objects.get()
    assert person.password == before, "a new hash would end every session"
    assert list(person.grants.values_list("account_id", flat=True)) == [SEARCH]
    ask(one("team", "delegated_admin", accounts=[SEARCH]))
    assert not Person.objects.get().sees_all_accounts


def test_the_audit_tells_what_was_given_and_nothing_twice(ask) -> None:
    people = [one("team", "account_viewer", accounts=[PAYMENTS]), one("site", "site_admin")]
    ask(*people)
    told = list(AuditEvent.objects.order_by("pk").values_list("event", "actor", "subject", "to_value"))
    assert told == [
        (Event.SETTINGS_CHANGED, "manage.py", "team", "password set"),
        (Event.ROLE_CHANGED, "manage.py", "team", "Account viewer"),
        (Event.GRANT_ADDED, "manage.py", "team", PAYMENTS),
        (Event.SETTINGS_CHANGED, "manage.py", "site", "password set"),
        (Event.ROLE_CHANGED, "manage.py", "site", "Site admin"),
    ]
    ask(*people)
    assert AuditEvent.objects.count() == len(told)
    ask(one("team", "viewer"))
    events = AuditEvent.objects.order_by("pk").values_list("event", "from_value", "to_value")[len(told) :]
    assert list(events) == [
        (Event.ROLE_CHANGED, "Account viewer", "Viewer"),
        (Event.GRANT_REMOVED, PAYMENTS, ""),
    ]
    assert not AuditEvent.objects.filter(to_value__contains=PASSWORD).exists()


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "DEMO_PEOPLE is missing"),
        ("{", "is not JSON"),
        ('{"name": "x"}', "is not a list of people"),
        ('["x"]', "is not a list of people"),
        (json.dumps([{"name": "x", "role": "viewer"}]), "needs name, password and role"),
        (json.dumps([one("x", "emperor")]), "needs name, password and role"),
        (json.dumps([one("y", "viewer"), one("x", "account_viewer", accounts=["12"])]), "12: An AWS account id has 12"),
    ],
)
def test_what_it_does_not_understand_it_refuses_and_makes_nobody(monkeypatch, value, words) -> None:
    monkeypatch.delenv("DEMO_PEOPLE", raising=False)
    if value is not None:
        monkeypatch.setenv("DEMO_PEOPLE", value)
    with pytest.raises(CommandError, match=words) as refusal:
        call_command("demo_people")
    assert PASSWORD not in str(refusal.value)
    assert not Person.objects.exists()
