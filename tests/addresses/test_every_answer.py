"""What holds for every address, whoever asks: headers, tokens of forms, errors, fields too many, and the audit."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings as the_settings
from django.db import OperationalError
from django.test import Client, override_settings
from django.urls import URLPattern, URLResolver, get_resolver

from accounts.choices import Event
from accounts.forms import PARAMETERS as OF_ACCOUNTS
from accounts.lists import USUAL_SCAN_TYPES
from accounts.models import ActivationRequest, AuditEvent, Person
from accounts.orders import sorts_for
from scanning.filters import PARAMETERS as OF_COVERAGE
from scanning.tables import SORTS
from tests import authorization as table
from tests.addresses.world import asked, filled, undone
from tests.authorization import TABLE
from tests.factories import SEARCH
from tests.reading import read

pytestmark = pytest.mark.django_db

HTMX = {"HX-Request": "true"}
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "X-Frame-Options": "DENY",
}
POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
}


def patterns(found: Any) -> Iterator[URLPattern]:
    for pattern in found:
        if isinstance(pattern, URLResolver):
            yield from patterns(pattern.url_patterns)
        else:
            yield pattern


def lacks(response: Any) -> list[str]:
    """The headers that this answer lacks."""
    missing = [f"{name}: {value}" for name, value in HEADERS.items() if response.get(name) != value]
    policy = dict(part.split(" ", 1) for part in response.get("Content-Security-Policy", "").split("; ") if part)
    missing += [f"{name} {value}" for name, value in POLICY.items() if policy.get(name) != value]
    if "unsafe" in response.get("Content-Security-Policy", ""):
        missing.append("a policy without unsafe-…")
    return missing


# --- Headers


@pytest.mark.parametrize("role", [table.ANONYMOUS, table.ACCOUNT_VIEWER, table.SITE_ADMIN])
def test_every_answer_wears_the_headers_and_is_kept_by_nobody(role, log_in, names, queued) -> None:
    client, complaints, statuses = log_in(role), [], set()
    for line in TABLE:
        for method in ("GET", "POST", "PUT"):
            for headers in ({}, HTMX):
                response = asked(client, method, line, names, headers)
                statuses.add(response.status_code)
                missing = lacks(response)
                control = {word.strip() for word in response.get("Cache-Control", "").split(",")}
                if not {"private", "no-store"} <= control:
                    missing.append(f"Cache-Control is {control}")
                if "HX-Request" not in response.get("Vary", ""):
                    missing.append("Vary: HX-Request")
                if role != table.ANONYMOUS and not line.open_to_all and "Cookie" not in response["Vary"]:
                    missing.append("Vary: Cookie")
                if missing:
                    complaints.append(f"{method} {line.address} {headers}: {missing}")
    assert complaints == []
    assert {200, 302, 405} <= statuses
    assert role == table.ANONYMOUS or {400, 403, 404} <= statuses


@override_settings(WHITENOISE_AUTOREFRESH=True, WHITENOISE_USE_FINDERS=True)
def test_static_files_wear_them_too(client) -> None:
    for path in ("/static/site.css", "/static/app.js", "/static/icon.svg"):
        response = client.get(path)
        assert response.status_code == 200
        assert lacks(response) == []


def test_what_is_refused_before_any_view_wears_them_too(client) -> None:
    assert lacks(client.get("/nothing/")) == []
    bad_host = client.get("/login/", headers={"host": "evil.example"})
    assert (bad_host.status_code, lacks(bad_host)) == (400, [])
    with override_settings(SECURE_SSL_REDIRECT=True):
        moved = Client().get("/login/")
    assert (moved.status_code, lacks(moved)) == (301, [])


@override_settings(SECURE_HSTS_SECONDS=31_536_000, SECURE_HSTS_INCLUDE_SUBDOMAINS=True)
def test_over_https_the_browser_is_told_to_stay_there(db) -> None:
    assert Client().get("/login/", secure=True)["Strict-Transport-Security"].startswith("max-age=31536000")


# --- Forms


@pytest.mark.parametrize("role", [table.ANONYMOUS, table.SITE_ADMIN, table.ADMIN])
def test_no_address_takes_a_form_of_somebody_else(role, log_in, names) -> None:
    """No token, a wrong one, or the right one from another origin: the login and one's own security included."""
    logged_in = log_in(role)
    client = Client(enforce_csrf_checks=True)
    client.cookies.update(logged_in.cookies)
    page = client.get("/login/", follow=True).content.decode()
    found = re.search(r'csrfmiddlewaretoken" value="(\w+)"', page)
    assert found
    token = {"X-CSRFToken": found[1]}
    attacks: list[dict[str, str]] = [
        {},
        HTMX,
        {"X-CSRFToken": "a" * 64},
        {**token, "Origin": "https://evil.example"},
        {**token, **HTMX, "Origin": "null"},
    ]
    taken = []
    for line in TABLE:
        for attack in attacks:
            if asked(client, "POST", line, names, attack).status_code != 403:
                taken.append(f"{line.address} {attack}")
    assert taken == []
    assert client.post("/theme/", {"theme": "dark"}, headers=token).status_code == 302, "their own is taken"


# --- Errors


SECRET = "the-inside-of-it"


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [(RuntimeError, 500, "incident id: "), (OperationalError, 503, "The database does not answer")],
)
def test_an_error_in_any_view_is_answered_without_its_inside(log_in, names, monkeypatch, error, status, words) -> None:
    client = log_in(table.SITE_ADMIN)
    client.raise_request_exception = False

    def fail(*_: Any, **__: Any) -> None:
        raise error(f"{SECRET} {the_settings.SECRET_KEY} {the_settings.DATABASES}")

    for pattern in patterns(get_resolver().url_patterns):
        monkeypatch.setattr(pattern, "callback", fail)
    for line in TABLE:
        for method in ("GET", "POST"):
            response = asked(client, method, line, names, {})
            page = read(response, status)
            assert words in page.text
            if status == 500:
                assert response["X-Request-ID"] in page.text
            for inside in (SECRET, the_settings.SECRET_KEY, "Traceback", error.__name__, __file__, "sqlite", "SELECT"):
                assert inside not in page.html, f"{method} {line.address}"
            assert lacks(response) == []


# --- Fields and names that no form has


EXTRA = {
    "id": "1",
    "pk": "1",
    "is_superuser": "1",
    "is_staff": "1",
    "username": "evil",
    "password": "evil",
    "person": "1",
    "person_id": "1",
    "actor": "evil",
    "requested_by": "evil",
    "hold_decided_by": "evil",
    "by": "evil",
    "ip": "192.0.2.66",
    "state": "settled",
    "approved_by": "1",
    "approved_at": "2020-01-01",
    "created_at": "2020-01-01",
    "settled_at": "2020-01-01",
    "lease_until": "2020-01-01",
    "attempts": "99",
    "error_code": "evil",
    "aws_request_id": "evil",
}


def stored() -> str:
    """Everything that the product's own tables and those of people hold."""
    models = [model for label in ("accounts", "aws", "auth") for model in apps.get_app_config(label).get_models()]
    rows = {model.__name__: list(model._default_manager.order_by("pk").values()) for model in models}
    rows.pop("AuditEvent")
    return str(rows)


@pytest.mark.parametrize("role", [table.ADMIN_OF_A, table.ADMIN, table.SITE_ADMIN])
def test_fields_that_a_form_does_not_have_are_ignored(role, log_in, names, queued) -> None:
    client, done = log_in(role), 0
    person = Person.objects.get(username=f"the {role}".replace(" ", "-"))
    requests = set(ActivationRequest.objects.values_list("pk", "state", "person_id", "created_at"))
    for line in TABLE:
        if line.post is None or line.post[role] not in {table.OK, table.MOVED} or line.route == "logout":
            continue
        with undone():
            data = {**EXTRA, **filled(line.data, names)}
            response = client.post(filled(line.address, names), data)
            assert response.status_code == line.post[role], line.address
            assert not Person.objects.filter(is_superuser=True).exists()
            assert not Person.objects.filter(is_staff=True).exists()
            assert "evil" not in stored(), line.address
            assert set(ActivationRequest.objects.values_list("pk", "state", "person_id", "created_at")) >= {
                one for one in requests if one[1] == "confirmed" and "cancel" not in line.address
            }
            told = AuditEvent.objects.exclude(account_id__in=[names["A"], names["B"]]).exclude(event=Event.LOGIN)
            assert {event.actor for event in told} <= {person.username}
            assert not AuditEvent.objects.filter(ip="192.0.2.66").exists()
            done += 1
    assert done >= 2


def hidden_names() -> list[str]:
    """Two hundred of the fields of all models and of paths through their relations, and what is no name at all."""
    found = set()
    for model in apps.get_models():
        for field in model._meta.get_fields():
            found |= {field.name, f"{field.name}__password", f"account__{field.name}", f"person__{field.name}"}
    odd = ["password", "account__person__password", "?", "-?", "--name", "name__regex", "a\x00b", "raw(select)", "*"]
    return [*odd, *sorted(found)[:: max(1, len(found) // 190)]]


@pytest.mark.parametrize(
    ("address", "known"),
    [
        ("/coverage/instances/", SORTS),
        ("/coverage/instances/export.csv", SORTS),
        ("/coverage/accounts/", sorts_for(USUAL_SCAN_TYPES)),
        ("/coverage/accounts/export.csv", sorts_for(USUAL_SCAN_TYPES)),
    ],
)
def test_nothing_is_sorted_or_narrowed_by_a_name_that_is_not_offered(log_in, names, address, known) -> None:
    client, tried = log_in(table.ACCOUNT_VIEWER), 0

    def rows(name: str) -> Any:
        response = client.get(address, {name: "1"})
        assert response.status_code == 200, name
        return b"".join(response.streaming_content) if response.streaming else read(response).tables

    plain = rows("nothing-that-is-known")
    for name in hidden_names():
        if name.lstrip("-") not in known:
            assert client.get(address, {"sort": name}).status_code == 400, name
        if name not in {*OF_ACCOUNTS, *OF_COVERAGE} and len(name) % 3 == 0:
            assert rows(name) == plain, name
            tried += 1
    assert tried >= 50


# --- The audit


@pytest.mark.parametrize("role", [role for role in table.ROLES if role not in {table.ANONYMOUS, table.INACTIVE}])
def test_what_is_changed_exported_or_denied_is_in_the_audit_and_what_is_refused_changes_nothing(
    role, log_in, names, queued
) -> None:
    client, counted = log_in(role), {"changed": 0, "exported": 0, "denied": 0}
    person = Person.objects.get(pk=names["oneself"])
    for line in TABLE:
        if line.about_oneself or line.route == "logout":
            continue
        for method, told in (("GET", line.get), ("POST", line.post)):
            if told is None:
                continue
            with undone():
                last = AuditEvent.objects.latest("id").pk
                before = stored()
                data = filled(line.data, names) if method == "POST" else None
                response: Any = getattr(client, method.lower())(filled(line.address, names), data)
                if response.streaming:
                    b"".join(response.streaming_content)
                is_changed = stored() != before
                new = list(AuditEvent.objects.filter(pk__gt=last))
            where = f"{method} {line.address} as {role}"
            assert {event.actor for event in new} <= {person.username}, where
            assert all(event.ip == "127.0.0.1" for event in new), where
            kinds = [event.event for event in new]
            if told[role] == table.DENIED:
                assert kinds == [Event.DENIED], where
                assert new[0].subject == f"{method} {filled(line.address, names)}"
                counted["denied"] += 1
            elif line.route.endswith("export") and told[role] == table.OK:
                assert kinds == [Event.EXPORTED], where
                counted["exported"] += 1
            elif method == "GET":
                assert kinds == [], where
            if told[role] not in {table.OK, table.MOVED} or method == "GET":
                assert not is_changed, where
            elif is_changed:
                assert kinds, f"{where} is not in the audit"
                counted["changed"] += 1
    assert counted["denied"] > 5 or role == table.SITE_ADMIN
    assert counted["exported"] >= 2
    assert counted["changed"] >= {table.SITE_ADMIN: 12, table.ADMIN: 4, table.ADMIN_OF_A: 1}.get(role, 0)


# --- One address, several people


@pytest.mark.parametrize(
    "address", ["/coverage/accounts/", "/coverage/instances/", "/coverage/instances/export.csv", "/activation/"]
)
def test_the_same_address_a_moment_later_shows_each_their_own(log_in, names, address) -> None:
    def shown(client: Any) -> str:
        response = client.get(address)
        content = b"".join(response.streaming_content) if response.streaming else response.content
        return str(content.decode())

    everything, granted = log_in(table.ADMIN), log_in(table.ACCOUNT_VIEWER)
    theirs = shown(everything)
    mine = shown(granted)
    assert SEARCH in theirs or "/activation/" in address
    assert SEARCH not in mine
    assert "i-b" not in mine
    assert len(theirs) > len(mine)
    assert shown(everything) != mine
