"""`manage.py person`: roles from the host, above all for the first site admin."""

from __future__ import annotations

import io

import pytest
from django.core.management import CommandError, call_command

from accounts.choices import Event
from accounts.models import AuditEvent, Person
from tests import factories
from tests.factories import PAYMENTS, SEARCH

pytestmark = pytest.mark.django_db


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command("person", *arguments, stdout=out)
    return out.getvalue()


def test_the_first_site_admin_is_made_without_a_password() -> None:
    said = run("root", "--role", "site_admin")
    made = Person.objects.get()
    assert made.is_site_admin
    assert not made.has_usable_password()
    assert "root: Site admin." in said
    assert "python manage.py changepassword root" in said
    event = AuditEvent.objects.get()
    assert (event.event, event.actor, event.subject) == (Event.ROLE_CHANGED, "manage.py", "root")
    assert (event.from_value, event.to_value) == ("No role", "Site admin")


def test_roles_grants_and_all_accounts_are_given_and_passwords_stay() -> None:
    team = factories.person("team", role="account_viewer", accounts=[PAYMENTS])
    said = run("team", "--role", "delegated_admin", "--account", SEARCH)
    team.refresh_from_db()
    assert team.role == "delegated_admin"
    assert team.check_password(factories.PASSWORD)
    assert sorted(team.grants.values_list("account_id", flat=True)) == [PAYMENTS, SEARCH]
    assert "changepassword" not in said
    run("team", "--role", "delegated_admin", "--all-accounts")
    team.refresh_from_db()
    assert team.all_accounts
    run("team", "--account", PAYMENTS)
    team.refresh_from_db()
    assert team.all_accounts, "what is not named stays"
    run("team", "--role", "viewer")
    team.refresh_from_db()
    assert not team.all_accounts


def test_somebody_is_switched_off_and_let_in_again() -> None:
    team = factories.person("team", role="viewer")
    assert "team: Viewer; inactive." in run("team", "--inactive")
    run("team", "--account", PAYMENTS)
    team.refresh_from_db()
    assert not team.is_active
    run("team", "--role", "viewer")
    team.refresh_from_db()
    assert team.is_active


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["root", "--inactive"], "the last active site admin"),
        (["root", "--role", "viewer"], "the last active site admin"),
        (["new", "--role", "viewer", "--all-accounts"], "goes with --role delegated_admin"),
        (["new", "--role", "account_viewer", "--account", "12"], "12 digits"),
        (["new", "--role", "emperor"], "invalid choice"),
        (["a/b", "--role", "viewer"], "is no name"),
    ],
)
def test_what_is_refused_leaves_everything_as_it_was(arguments: list[str], words: str) -> None:
    factories.person("root", role="site_admin")
    with pytest.raises(CommandError, match=words):
        run(*arguments)
    assert list(Person.objects.values_list("username", "role", "is_active")) == [("root", "site_admin", True)]
    assert not AuditEvent.objects.exists()
