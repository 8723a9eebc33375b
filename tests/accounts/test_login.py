"""The local login: limits, second factors, passwords, the end of sessions, and what the audit keeps of it."""

from __future__ import annotations

import io
import re
import time
from datetime import timedelta

import pytest
import time_machine
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from accounts.choices import Event
from accounts.models import AuditEvent
from tests import factories
from tests.reading import read

pytestmark = pytest.mark.django_db
DEEP = "/coverage/instances/?group=not-scanning&q=a%20b"


def log_in(client: Client, name: str = "viewer", password: str = factories.PASSWORD, **further: str):
    return client.post("/login/", {"username": name, "password": password, **further})


def is_logged_in(client: Client) -> bool:
    return client.get("/sync/").status_code == 200


def events(event: Event) -> list[tuple[str, str, str]]:
    found = AuditEvent.objects.filter(event=event).order_by("id")
    return [(one.actor, one.subject, one.reason) for one in found]


@pytest.fixture
def confirmed(client, viewer):
    """A browser in which the viewer has just confirmed who they are."""
    log_in(client)
    client.post("/security/confirm/?next=/security/", {"password": factories.PASSWORD})
    return client


def code_of(secret: str, later: int = 0):
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30 + later))


@pytest.fixture
def secret(confirmed):
    """The viewer has set up an app with this secret."""
    (secret,) = re.findall(r"<code>(\w+)</code>", confirmed.get("/security/app/").content.decode())
    assert confirmed.post("/security/app/", {"code": code_of(secret)})["Location"] == "/security/recovery-codes/"
    return secret


# --- Limits


def test_a_name_is_locked_after_five_wrong_passwords_and_says_the_same_of_a_name_that_nobody_has(viewer):
    said = {}
    for name in ("viewer", "nobody-has-this"):
        cache.clear()
        said[name] = [read(log_in(Client(), name, "wrong"), 200).text for _ in range(6)]
    assert "do not match" in said["viewer"][4]
    assert "Too many attempts" in said["viewer"][5]
    assert said["viewer"] == said["nobody-has-this"]


def test_while_it_is_locked_the_right_password_is_not_even_looked_at(client, viewer):
    for _ in range(5):
        log_in(client, password="wrong")
    assert "Too many attempts" in read(log_in(client)).text
    assert not is_logged_in(client)
    with time_machine.travel(timezone.now() + timedelta(minutes=6)):
        assert log_in(client).status_code == 302


def test_an_address_is_stopped_whatever_names_it_tries(client, viewer):
    for number in range(10):
        log_in(client, f"name-{number}", "wrong")
    assert "Too many attempts" in read(log_in(client)).text
    assert log_in(Client(REMOTE_ADDR="192.0.2.7")).status_code == 302


def test_thirty_logins_a_minute_from_one_address_are_enough(client, viewer):
    answers = [Client().post("/login/", {}).status_code for _ in range(31)]
    assert answers == [200] * 30 + [429]


# --- The audit


def test_logins_failures_and_logouts_are_written_down(client, viewer):
    log_in(client, password="wrong")
    log_in(client, "a-password-in-the-wrong-field", "wrong")
    log_in(client)
    client.post("/logout/")
    assert events(Event.LOGIN_FAILED) == [
        ("", "viewer", "Wrong name or password"),
        ("", "An unknown name", "Wrong name or password"),
    ]
    assert events(Event.LOGIN) == [("viewer", "", "Password")]
    assert events(Event.LOGOUT) == [("viewer", "", "")]
    assert set(AuditEvent.objects.values_list("ip", flat=True)) == {"127.0.0.1"}


# --- Sessions


def test_a_new_login_has_a_new_session_id(client, viewer):
    log_in(client)
    first = client.session.session_key
    client.post("/logout/")
    log_in(client)
    assert client.session.session_key != first


def test_a_session_that_was_there_before_the_login_is_worth_nothing_after_it(client, viewer):
    """Whoever put a session of their own into this browser does not share the login."""
    planted = client.session
    planted["planted"] = "1"
    planted.save()
    client.cookies["sessionid"] = planted.session_key
    log_in(client)
    assert is_logged_in(client)
    assert client.cookies["sessionid"].value != planted.session_key
    other = Client()
    other.cookies["sessionid"] = planted.session_key
    assert not is_logged_in(other)


def test_a_logout_is_a_form_and_ends_the_session_on_the_server(client, viewer):
    log_in(client)
    kept = Client()
    kept.cookies["sessionid"] = client.cookies["sessionid"].value
    assert client.get("/logout/").status_code == 405
    assert is_logged_in(client)
    client.post("/logout/")
    assert not is_logged_in(kept), "whoever copied the cookie is out as well"


def test_no_script_reads_the_cookies_and_no_other_site_sends_them(client, viewer):
    client.get("/login/")
    log_in(client)
    for name in ("sessionid", "csrftoken"):
        cookie = client.cookies[name]
        assert (cookie["httponly"], cookie["samesite"], cookie["path"], cookie["domain"]) == (True, "Lax", "/", "")


def test_another_password_ends_the_other_sessions_and_not_this_one(client, viewer):
    other = Client()
    log_in(other)
    log_in(client)
    new = "another horse battery staple"
    form = {"oldpassword": factories.PASSWORD, "password1": new, "password2": new}
    client.post("/security/password/", form)
    assert "your other sessions have ended" in read(client.get("/security/")).text
    assert is_logged_in(client)
    assert not is_logged_in(other)
    assert events(Event.SETTINGS_CHANGED) == [("viewer", "Login: Password", "")]
    assert log_in(Client(), password=new).status_code == 302


def test_a_password_changes_only_for_who_knows_it(client, viewer):
    log_in(client)
    form = {"oldpassword": "wrong", "password1": "another horse", "password2": "another horse"}
    assert client.post("/security/password/", form).status_code == 200
    assert log_in(Client()).status_code == 302


def test_a_session_ends_when_it_is_not_used_and_after_a_day_however_much_it_is(client, viewer):
    start = timezone.now()
    with time_machine.travel(start, tick=False):
        log_in(client)
    for hours in (7, 14, 21, 23.9):
        with time_machine.travel(start + timedelta(hours=hours), tick=False):
            assert is_logged_in(client), hours
    with time_machine.travel(start + timedelta(hours=24.1), tick=False):
        assert client.get(DEEP)["Location"].startswith("/login/?next=")
    with time_machine.travel(start, tick=False):
        log_in(client)
    with time_machine.travel(start + timedelta(hours=8.1), tick=False):
        assert not is_logged_in(client)


# --- Second factors


def test_with_an_app_the_password_alone_gets_nobody_in(viewer, secret):
    client = Client()
    assert log_in(client, next=DEEP)["Location"] == "/login/code/"
    assert not is_logged_in(client)
    assert "This code is wrong" in read(client.post("/login/code/", {"code": "000000"})).text
    answer = client.post("/login/code/", {"code": code_of(secret, later=1)})
    assert answer["Location"] == DEEP
    assert events(Event.LOGIN)[-1] == ("viewer", "", "Password, Second factor")
    assert events(Event.LOGIN_FAILED) == [("", "viewer", "Wrong code")]


def test_a_code_gets_in_once(viewer, secret):
    code = code_of(secret, later=1)
    first, second = Client(), Client()
    log_in(first)
    log_in(second)
    assert first.post("/login/code/", {"code": code}).status_code == 302
    assert "wrong, or was used before" in read(second.post("/login/code/", {"code": code})).text


def test_codes_cannot_be_guessed_for_long(viewer, secret):
    client = Client()
    log_in(client)
    for _ in range(5):
        client.post("/login/code/", {"code": "000000"})
    answer = client.post("/login/code/", {"code": code_of(secret, later=1)})
    assert "Too many attempts" in read(answer).text
    assert not is_logged_in(client)


def test_the_secret_is_stored_encrypted_and_is_worth_nothing_with_another_key(viewer, secret, settings):
    stored = str(list(Authenticator.objects.values_list("data", flat=True)))
    assert secret not in stored
    settings.SECRET_KEY = "another " * 8
    client = Client()
    log_in(client)
    assert "This code is wrong" in read(client.post("/login/code/", {"code": code_of(secret, later=1)})).text


def test_recovery_codes_are_shown_once_and_get_in_once(viewer, confirmed, secret):
    shown = read(confirmed.get("/security/recovery-codes/"))
    code = re.findall(r"<code>(\d+)</code>", shown.html)[0]
    assert code not in read(confirmed.get("/security/recovery-codes/")).text
    first, second = Client(), Client()
    log_in(first)
    assert first.post("/login/code/", {"code": code}).status_code == 302
    log_in(second)
    assert second.post("/login/code/", {"code": code}).status_code == 200


def test_second_factors_change_only_after_the_person_is_confirmed(client, viewer):
    log_in(client)
    for path in ("app/", "passkeys/add/"):
        assert client.get(f"/security/{path}")["Location"].startswith("/security/confirm/?next=")
    assert client.post("/security/confirm/", {"password": "wrong"}).status_code == 200
    assert client.get("/security/app/").status_code == 302


def test_the_picture_is_of_the_secret_beside_it_and_of_nobody_elses(viewer, confirmed):
    assert confirmed.get("/security/app/code.svg").status_code == 404
    confirmed.get("/security/app/")
    picture = confirmed.get("/security/app/code.svg")
    assert picture["Content-Type"] == "image/svg+xml"
    assert picture.content.startswith(b"<?xml")
    assert Client().get("/security/app/code.svg").status_code == 302


# --- What is not there


@pytest.mark.parametrize(
    "path",
    [
        "/signup/",
        "/login/signup/",
        "/password/reset/",
        "/email/",
        "/3rdparty/",
        "/security/passkeys/",
        "/login/code/x/",
    ],
)
def test_nobody_signs_up_and_nothing_is_sent_by_mail(as_viewer, path):
    assert as_viewer.get(path).status_code == 404


def test_who_lost_everything_gets_in_by_password_again(viewer, secret):
    out = io.StringIO()
    call_command("forget_second_factor", "viewer", stdout=out)
    assert out.getvalue() == "2 forgotten.\n"
    assert log_in(Client())["Location"] == "/"
    assert events(Event.SETTINGS_CHANGED)[-1] == (
        "manage.py forget_second_factor",
        "Login of viewer: second factor",
        "",
    )
    with pytest.raises(CommandError, match="Nobody has this name"):
        call_command("forget_second_factor", "nobody")


def test_without_redis_people_still_get_in_and_guessing_is_still_limited(client, viewer, settings):
    away = {"BACKEND": "coverage_site.caching.RedisOrMemory", "LOCATION": "redis://127.0.0.1:1/0"}
    settings.CACHES = {"default": away}
    assert log_in(client).status_code == 302
    for _ in range(5):
        log_in(Client(), password="wrong")
    assert "Too many attempts" in read(log_in(Client())).text
