"""Every route × role × method, as page and as fragment, equals tests/authorization.py; what is foreign is missing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone

from accounts.choices import Event
from accounts.models import AccountChange, ActivationRequest, AuditEvent, AwsAccount, Person, SettingsRequest
from aws.choices import ScopeState
from tests import authorization as table, factories
from tests.addresses.world import asked
from tests.authorization import LOGIN, TABLE, Answers, Line
from tests.factories import REGION, SEARCH
from tests.reading import read

pytestmark = pytest.mark.django_db

METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE")
NOT_THE_METHOD = 405
ABSENT = "999999999999"
TOKEN = re.compile(r'csrfmiddlewaretoken" value="\w+"|"X-CSRFToken": "\w+"')


def routes(patterns: Any, prefix: str = "") -> Iterator[str]:
    """Every route of the resolver by its name; by its pattern where it has none."""
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from routes(pattern.url_patterns, prefix + str(pattern.pattern))
        else:
            assert isinstance(pattern, URLPattern)
            yield pattern.name or prefix + str(pattern.pattern)


def test_every_route_has_a_line_and_every_line_a_route() -> None:
    assert {line.route for line in TABLE} == set(routes(get_resolver().url_patterns))


@pytest.mark.parametrize("line", TABLE, ids=lambda line: f"{line.route} {line.address}")
def test_every_line_speaks_of_every_role(line: Line) -> None:
    for expected in (line.get, line.post):
        assert expected is None or set(expected) == set(table.ROLES)
    assert line.get or line.post or line.about_oneself


def expected_status(line: Line, method: str, role: str) -> int:
    told: Answers | None = {"GET": line.get, "HEAD": line.get, "POST": line.post}.get(method)
    if told is not None:
        return told[role]
    is_known = role not in {table.ANONYMOUS, table.INACTIVE}
    return NOT_THE_METHOD if is_known or line.open_to_all else LOGIN


@pytest.mark.parametrize("role", table.ROLES)
def test_every_address_answers_as_the_table_says(role, log_in, names, queued) -> None:
    client, differences = log_in(role), []
    for line in TABLE:
        for method in METHODS:
            for headers in ({}, {"HX-Request": "true"}):
                response = asked(client, method, line, names, headers)
                status: int = response.status_code
                target = response.get("Location", response.get("HX-Redirect", ""))
                if status == 204 and headers and target:
                    status = table.MOVED
                if status == table.MOVED and target.startswith("/login/?next="):
                    status = LOGIN
                if line.about_oneself and (role not in {table.ANONYMOUS, table.INACTIVE} or line.open_to_all):
                    assert status in {200, table.MOVED, 204, table.MISSING, 405, 429}, line.address
                    continue
                expected = expected_status(line, method, role)
                if status != expected:
                    differences.append(f"{method} {line.address} {headers}: {status} and not {expected}")
    assert not differences, "\n".join(differences)


@pytest.mark.parametrize("role", [table.NOBODY, table.ACCOUNT_VIEWER, table.ADMIN_OF_A])
def test_what_is_foreign_answers_exactly_like_what_is_missing(role, log_in, names) -> None:
    """Every address that names something of B, beside the same address with something that nobody has."""
    client = log_in(role)
    absent = {
        **names,
        "B": ABSENT,
        "finding of B": names["finding of B"].replace(SEARCH, ABSENT),
        "request of B": "987654321",
        "settings of B": "987654321",
    }
    compared = 0
    for line in TABLE:
        if "B}" not in line.address and "{B}" not in str(line.data):
            continue
        method = "GET" if line.get else "POST"
        foreign, missing = (asked(client, method, line, given, {}) for given in (names, absent))
        assert foreign.status_code == missing.status_code, line.address
        texts = [TOKEN.sub("", response.content.decode()) for response in (foreign, missing)]
        numbers = "|".join(given[f"{what} of B"] for what in ("request", "settings") for given in (names, absent))
        named = rf"{SEARCH}|{ABSENT}|(?<=/activation/)({numbers})(?=/)|(?<=/settings/)({numbers})(?=/)"
        texts = [re.sub(named, "X", text) for text in texts]
        assert texts[0] == texts[1], line.address
        compared += 1
    assert compared > 10


@pytest.mark.parametrize("role", [table.SITE_ADMIN, table.ADMIN])
def test_every_form_needs_its_token(role, log_in, names) -> None:
    logged_in = log_in(role)
    client = Client(enforce_csrf_checks=True)
    client.cookies.update(logged_in.cookies)
    for line in TABLE:
        if line.post is not None:
            response = asked(client, "POST", line, names, {})
            assert response.status_code == 403, line.address
            assert "The form was too old" in read(response, 403).text


# --- A canary in everything of B


CANARY = "canary"


@pytest.fixture
def canaries(names: dict[str, str]) -> None:
    """B again, with a canary in whatever AWS or a person may have written there."""
    refused = {"error_code": f"{CANARY}-code", "error_message": f"{CANARY}-message"}
    factories.regional(SEARCH, unknown_since=timezone.now(), **refused)
    shapes: dict[str, Any] = {"tags": {f"{CANARY}-key": f"{CANARY}-value"}, "account_id": SEARCH}
    rows = [
        factories.instance(f"{CANARY}-instance", resource_id=f"i-{CANARY}", **shapes),
        factories.unmanaged_instance(f"{CANARY}-unmanaged", **shapes),
        factories.instance(f"{CANARY}-odd", code="INACTIVE", reason=f"{CANARY.upper()}_REASON", **shapes),
        factories.repository(f"{CANARY}/api", account_id=SEARCH),
        factories.image(f"{CANARY}/api", tags=[f"{CANARY}-tag"], account_id=SEARCH),
        factories.function(f"{CANARY}-function", **shapes),
    ]
    for row in rows:
        factories.finding(
            row,
            "CRITICAL",
            title=f"{CANARY}-title",
            description=f"{CANARY}-description",
            remediation={"recommendation": {"text": f"{CANARY}-fix", "Url": f"https://example.com/{CANARY}"}},
        )
        factories.status_change(row, timezone.now(), ("INACTIVE", f"{CANARY}-was"), ("ACTIVE", f"{CANARY}-became"))
    facts = {"name": f"{CANARY}-name", "email": f"{CANARY}@example.com", "organizational_unit": f"o-1/{CANARY}-unit"}
    AwsAccount.objects.filter(account_id=SEARCH).update(**facts)
    change = {"field": "organizational_unit", "from_value": f"{CANARY}-from", "to_value": f"{CANARY}-to"}
    AccountChange.objects.create(account_id=SEARCH, at=timezone.now(), **change)
    other = Person.objects.get(username="other")
    for request in ActivationRequest.objects.filter(items__account_id=SEARCH):
        request.items.update(**refused, aws_request_id=f"{CANARY}-id")
        ActivationRequest.objects.filter(pk=request.pk).update(reason=f"{CANARY}-reason")
    SettingsRequest.objects.filter(account_id=SEARCH).update(
        reason=f"{CANARY}-reason", **refused, aws_request_id=f"{CANARY}-id"
    )
    Person.objects.filter(pk=other.pk).update(username=f"{CANARY}-person")
    AuditEvent.objects.create(
        at=timezone.now(),
        event=Event.ANSWERED,
        account_id=SEARCH,
        actor=f"{CANARY}-actor",
        subject=f"{CANARY}-subject",
        reason=f"{CANARY}-why",
        **refused,
    )
    AuditEvent.objects.create(at=timezone.now(), event=Event.ROLE_CHANGED, actor=f"{CANARY}-admin", subject=CANARY)
    for what, part in (("coverage", "AWS_EC2_INSTANCE"), ("findings", ""), ("accounts", "")):
        scope = factories.fail(what, REGION, part, error=f"{CANARY}-error of {SEARCH}", request_id=f"{CANARY}-request")
        factories.run(scope, outcome="failed", error=f"{CANARY}-run")
    held = factories.fail(
        "coverage",
        "eu-west-1",
        "AWS_LAMBDA_FUNCTION",
        state=ScopeState.HELD,
        error=CANARY,
        would_go=[f"{SEARCH} {CANARY}"],
    )
    factories.run(held, outcome="held")
    Group.objects.update(name=f"{CANARY}-group")


LINK = re.compile(r'(?:href|action|hx-get)="([^"#]*)[#"]')


def crawl(client: Client, most: int = 600) -> dict[str, str]:
    """Every page that can be reached by its links, and its fragment: address → what came back, headers included."""
    found: dict[str, str] = {}
    parts: set[str] = set()
    waiting = [
        "/",
        "/activation/",
        "/audit/",
        "/people/",
        f"/accounts/{SEARCH}/",
        f"/coverage/instances/?account={SEARCH}",
    ]
    waiting += [f"/sync/{number}/" for number in range(1, 60)]
    while waiting and len(found) < most:
        address = waiting.pop(0)
        if address in found:
            continue
        response: Any = client.get(address)
        content = b"".join(response.streaming_content) if response.streaming else response.content
        text = content.decode()
        found[address] = f"{response.headers}\n{text}"
        path = address.partition("?")[0]
        if not response.streaming and path not in parts:
            parts.add(path)
            part = client.get(address, headers={"HX-Request": "true"})
            found[f"{address}#as-a-fragment"] = f"{part.headers}\n{part.content.decode()}"
        if response.status_code == 302:
            waiting.append(response["Location"])
        for link in LINK.findall(text):
            target = urljoin(address, unescape(link))
            known_prefix = not urlsplit(target).netloc and not target.startswith(("/static/", "/logout/", "/theme/"))
            # Of the many orders and filters of one page a few are enough.
            if known_prefix and sum(page.partition("?")[0] == urlsplit(target).path for page in found) < 6:
                waiting.append(target)
    return found


def test_nothing_of_a_foreign_account_is_on_any_page(canaries, log_in) -> None:
    seen = crawl(log_in(table.SITE_ADMIN))
    everything = re.sub("[ _]", "-", "\n".join(seen.values()).lower())
    for fact in (
        "name", "unit", "instance", "key", "function", "tag", "title", "description", "fix", "was", "became", "from",
        "reason", "code", "message", "actor", "subject", "why", "error", "person", "group",
    ):  # fmt: skip
        assert f"{CANARY}-{fact}" in everything, f"nobody would see {fact}: this test proves nothing"
    for role in (table.NOBODY, table.ACCOUNT_VIEWER, table.ADMIN_OF_A):
        pages = crawl(log_in(role))
        assert len(pages) > 20
        leaks = [address for address, text in pages.items() if CANARY in text.lower().replace(address.lower(), "")]
        assert leaks == [], role
