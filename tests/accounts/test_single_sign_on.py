"""Single sign-on against a real provider in a process of its own: who gets in, as whom, and who does not."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from django.contrib.auth.models import Group
from django.test import Client

from accounts.choices import Event, Role
from accounts.models import AccountGrant, AuditEvent, ClaimRule, Person
from coverage_site.environment import SingleSignOn
from tests import factories
from tests.calls import ROOT
from tests.oidc_provider import CLIENT_ID, CLIENT_SECRET, FAULTS
from tests.reading import read

pytestmark = pytest.mark.django_db
CALLBACK = "/login/sso/callback/"
DEEP = f"/accounts/{factories.PAYMENTS}/?region=us-east-1&q=a%20b"


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.oidc_provider"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    with process:
        yield process.stdout.readline().strip()
        process.stdin.close()
        process.wait(10)


@pytest.fixture
def provider(address: str, settings) -> Callable[..., None]:
    """Names the person who comes next."""
    settings.COVERAGE_OIDC = SingleSignOn(address, CLIENT_ID, CLIENT_SECRET, "Example Login")

    def be(fault: str = "", **claims: Any) -> None:
        person: dict[str, Any] = {"sub": "u-1", "preferred_username": "jo", "groups": ["security"], **claims}
        requests.post(f"{address}/person", json={"person": person, "fault": fault}, timeout=5)

    be()
    return be


@pytest.fixture
def rule(db) -> ClaimRule:
    return ClaimRule.objects.create(claim="groups", value="security", role=Role.VIEWER)


def to_provider(client: Client, path: str = "/login/sso/") -> str:
    """Where the provider sends the browser after this address of ours has sent it there."""
    sent = client.get(path)
    assert sent.status_code == 302, sent.content
    answer = requests.get(sent["Location"], allow_redirects=False, timeout=5)
    assert answer.status_code == 302, answer.text
    back = urlsplit(answer.headers["Location"])
    assert back.path == CALLBACK
    return f"{back.path}?{back.query}"


def log_in(client: Client, path: str = "/login/sso/"):
    return client.get(to_provider(client, path))


def is_logged_in(client: Client) -> bool:
    return "_auth_user_id" in client.session


# --- Who gets in, and as whom


def test_a_shared_link_leads_through_the_provider_to_exactly_that_page(client, provider, rule):
    sent = client.get(DEEP)
    login = read(client.get(sent["Location"]))
    answer = log_in(client, login.links["Log in with Example Login"])
    assert (answer.status_code, answer["Location"]) == (302, DEEP)
    assert client.session["_auth_user_id"] == str(Person.objects.get(username="jo", role=Role.VIEWER).pk)
    assert not Person.objects.get(username="jo").has_usable_password()
    event = AuditEvent.objects.get(event=Event.LOGIN)
    assert (event.actor, event.ip, event.reason) == ("jo", "127.0.0.1", "Single sign-on")


@pytest.mark.parametrize(
    "wish", ["https://evil.example/", "//evil.example/", "javascript:alert(1)", "http:evil.example"]
)
def test_it_leads_to_no_other_site(client, provider, rule, wish):
    sent = client.get("/login/sso/", {"next": wish})
    answer = requests.get(sent["Location"], allow_redirects=False, timeout=5)
    back = urlsplit(answer.headers["Location"])
    assert client.get(f"{back.path}?{back.query}")["Location"] == "/"


def test_who_has_no_rule_is_not_created(client, provider):
    page = read(log_in(client), status=403)
    assert "You have no access yet" in page.text
    assert not Person.objects.exists()
    assert not is_logged_in(client)
    assert AuditEvent.objects.get(event=Event.LOGIN_FAILED).subject == "u-1"


def test_rules_are_looked_at_again_at_every_login(client, provider, rule):
    team = Group.objects.create(name="payments team")
    AccountGrant.objects.create(group=team, account_id=factories.PAYMENTS)
    ClaimRule.objects.create(claim="realm_access.roles", value="payments", role=Role.ACCOUNT_VIEWER, group=team)
    provider(groups=[], realm_access={"roles": ["payments"]})
    log_in(client)
    person = Person.objects.get()
    assert (person.role, list(person.groups.all())) == (Role.ACCOUNT_VIEWER, [team])

    provider(groups=["nothing that a rule names"])
    log_in(Client())
    person.refresh_from_db()
    assert (person.role, person.groups.count()) == ("", 0)
    assert client.get("/coverage/accounts/").status_code == 200
    assert "You have no role yet" in read(client.get("/coverage/accounts/")).text
    changes = AuditEvent.objects.filter(event=Event.ROLE_CHANGED).order_by("id")
    assert [(change.from_value, change.to_value) for change in changes] == [
        ("No role", "Account viewer; groups: payments team"),
        ("Account viewer; groups: payments team", "No role"),
    ]


def test_of_several_roles_the_strongest_is_given(client, provider, rule):
    ClaimRule.objects.create(claim="groups", value="cloud", role=Role.DELEGATED_ADMIN, all_accounts=True)
    provider(groups=["security", "cloud"])
    log_in(client)
    person = Person.objects.get()
    assert (person.role, person.all_accounts) == (Role.DELEGATED_ADMIN, True)


def test_nobody_becomes_a_person_who_is_here_already(client, provider, rule):
    here = factories.person("jo", role=Role.SITE_ADMIN, email="jo@example.com")
    provider(email="jo@example.com", email_verified=True)
    log_in(client)
    new = Person.objects.exclude(pk=here.pk).get()
    assert (new.username, new.role, new.email) == ("jo-2", Role.VIEWER, "jo@example.com")
    assert client.session["_auth_user_id"] == str(new.pk)


def test_the_same_subject_of_another_issuer_is_another_person(client, provider, rule, settings, address):
    log_in(client)
    other = address.replace("127.0.0.1", "localhost")
    settings.COVERAGE_OIDC = SingleSignOn(other, CLIENT_ID, CLIENT_SECRET, "Another")
    log_in(Client())
    assert set(Person.objects.values_list("username", flat=True)) == {"jo", "jo-2"}


def test_who_is_switched_off_stays_out(client, provider, rule):
    log_in(client)
    Person.objects.update(is_active=False)
    again = Client()
    answer = log_in(again)
    assert answer["Location"] == "/login/"
    assert "This account is switched off" in read(again.get("/login/")).text
    assert not is_logged_in(again)
    assert client.get("/coverage/accounts/").status_code == 302


def test_a_login_is_never_connected_to_the_person_who_is_logged_in(client, provider, rule, viewer):
    client.force_login(viewer)
    log_in(client, "/login/sso/?process=connect")
    assert client.session["_auth_user_id"] == str(Person.objects.get(username="jo").pk)


def test_passwords_and_second_factors_stay_with_the_provider(client, provider, rule):
    log_in(client)
    assert "You log in with Example Login" in read(client.get("/security/")).text
    for path in ("password/", "app/", "app/code.svg", "passkeys/add/", "recovery-codes/", "confirm/"):
        assert client.get(f"/security/{path}").status_code == 404, path


# --- Who does not


@pytest.mark.parametrize("fault", FAULTS)
def test_an_answer_that_is_not_as_it_must_be_lets_nobody_in(client, provider, rule, fault):
    back = to_provider(client)
    provider(fault)
    page = read(client.get(back), status=401)
    assert "You are not logged in" in page.text
    assert not is_logged_in(client)
    assert not Person.objects.exists()
    assert AuditEvent.objects.get(event=Event.LOGIN_FAILED).reason.startswith("Single sign-on: ")


def test_a_state_of_another_browser_lets_nobody_in(client, provider, rule):
    stolen = to_provider(Client())
    assert client.get(stolen).status_code == 401
    client.get("/login/sso/")
    assert client.get(stolen).status_code == 401
    assert not is_logged_in(client)


def test_an_answer_counts_once(client, provider, rule):
    back = to_provider(client)
    assert client.get(back).status_code == 302
    client.post("/logout/")
    assert client.get(back).status_code == 401


def test_a_code_of_another_login_lets_nobody_in(client, provider, rule):
    """PKCE: a code that was stolen is worth nothing in a login that somebody else began."""
    stolen = parse_qs(urlsplit(to_provider(Client())).query)["code"][0]
    state = parse_qs(urlsplit(to_provider(client)).query)["state"][0]
    assert client.get(CALLBACK, {"code": stolen, "state": state}).status_code == 401


def test_a_cancelled_login_leads_back(client, provider):
    state = parse_qs(urlsplit(client.get("/login/sso/")["Location"]).query)["state"][0]
    answer = client.get(CALLBACK, {"error": "access_denied", "state": state})
    assert answer["Location"] == "/login/"
    assert "was cancelled" in read(client.get("/login/")).text


def test_a_provider_that_is_away_is_said(client, provider, settings):
    settings.COVERAGE_OIDC = SingleSignOn("http://127.0.0.1:1", CLIENT_ID, CLIENT_SECRET, "Example Login")
    assert "You are not logged in" in read(client.get("/login/sso/"), status=401).text


def test_without_a_provider_there_is_no_such_address(client, db):
    assert client.get("/login/sso/").status_code == 404
    assert client.get(CALLBACK).status_code == 404
    assert "Log in with" not in read(client.get("/login/")).text.replace("Log in with a passkey", "")


def test_headers_that_name_a_person_are_not_believed(client, viewer):
    for header in ("REMOTE-USER", "X-REMOTE-USER", "X-FORWARDED-USER"):
        assert client.get("/coverage/accounts/", headers={header: "viewer"}).status_code == 302
    assert client.get("/coverage/accounts/", REMOTE_USER="viewer").status_code == 302
