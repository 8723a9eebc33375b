"""A wrong or missing value of the environment stops the start with one clear line."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from coverage_site import checks, environment

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("SECRET_KEY", "", "SECRET_KEY or SECRET_KEY_FILE is missing"),
        ("SECRET_KEY", "short", "too weak"),
        ("SECRET_KEY", "django-insecure-" + "x" * 50, "too weak"),
        ("SECRET_KEY_FILE", "no/such/file", "cannot be read"),
        ("ALLOWED_HOSTS", "", "ALLOWED_HOSTS is missing"),
        ("ALLOWED_HOSTS", "*", "must name the hosts"),
        ("ALLOWED_HOSTS", "https://coverage.example.com", "without scheme, port and path"),
        ("ALLOWED_HOSTS", "coverage.example.com:8000", "without scheme, port and path"),
        ("AWS_ENDPOINT_URL", "foo", "must begin with http:// or https://"),
        ("CSRF_TRUSTED_ORIGINS", "coverage.example.com", "https://coverage.example.com"),
        ("COVERAGE_REGIONS", "", "list-regions"),
        ("COVERAGE_REGIONS", "us-east-1,mars", "'mars' is not the name of a Region"),
        ("COVERAGE_REGIONS", "us-east-١", "is not the name of a Region"),
        ("COVERAGE_READ_ROLE_ARN", "$role", "ARN of an IAM role"),
        ("CSRF_TRUSTED_ORIGINS", "http://[", "https://coverage.example.com"),
        ("REDIS_URL", "redis://:pw@host:notaport/0", "its host or port cannot be read"),
        ("DATABASE_URL", "postgres://[", "DATABASE_URL"),
        ("DATABASE_URL", "sqlite:////proc/nowhere/y.db", "the folder of the database cannot be made"),
        ("COVERAGE_SYNC_MINUTES", "often", "must be a number"),
        ("COVERAGE_SYNC_MINUTES", "0", "between 1 and 1440"),
        ("COVERAGE_READ_ONLY", "maybe", "must be 1 or 0"),
        ("COVERAGE_READ_ROLE_ARN", "reader", "ARN of an IAM role"),
        ("COVERAGE_OIDC_ISSUER", "login.example.com", "must be an address such as https://login.example.com"),
        (
            "COVERAGE_OIDC_ISSUER",
            "https://login.example.com",
            "COVERAGE_OIDC_CLIENT_ID and COVERAGE_OIDC_CLIENT_SECRET",
        ),
        ("COVERAGE_OIDC_CLIENT_SECRET", "secret", "COVERAGE_OIDC_ISSUER is missing"),
        ("COVERAGE_SESSION_HOURS", "0", "between 0.1 and 720"),
        ("DATABASE_URL", "mysql://u@h/d", "must name PostgreSQL"),
        ("DATABASE_URL", "postgres", "must name PostgreSQL"),
        ("REDIS_URL", "http://localhost", "must begin with redis://"),
        ("LOG_LEVEL", "LOUD", "must be one of"),
        ("DEBUG", "2", "must be 1 or 0"),
    ],
)
def test_nonsense_stops_the_start(name: str, value: str, words: str) -> None:
    settings = "import coverage_site.settings"
    ran = subprocess.run(
        [sys.executable, "-c", settings], cwd=ROOT, env=os.environ | {name: value}, capture_output=True, text=True
    )
    assert ran.returncode == 1
    assert words in ran.stderr.strip().splitlines()[-1]
    assert "UserWarning" not in ran.stderr


@pytest.mark.parametrize("hosts", [".example.com", "127.0.0.1,[::1]", "coverage_1.example.com"])
def test_names_of_hosts_are_accepted_as_django_takes_them(hosts: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALLOWED_HOSTS", hosts)
    assert environment.allowed_hosts(debug=False) == hosts.split(",")


def test_settings_that_do_nothing_alone_are_warned_of(settings) -> None:
    settings.COVERAGE_READ_ONLY, settings.COVERAGE_WRITE_ROLE_ARN = False, ""
    settings.COVERAGE_EXTERNAL_ID, settings.COVERAGE_READ_ROLE_ARN = "one", ""
    first, second = checks.role_warnings()
    assert first.startswith("COVERAGE_READ_ONLY=0 changes nothing without COVERAGE_WRITE_ROLE_ARN")
    assert second.startswith("COVERAGE_EXTERNAL_ID is used for roles alone")
    settings.COVERAGE_WRITE_ROLE_ARN = "arn:aws:iam::111122223333:role/writer"
    assert checks.role_warnings() == []


def test_a_value_that_begins_with_a_dollar_is_that_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COVERAGE_EXTERNAL_ID", "$abc")
    assert environment.text("COVERAGE_EXTERNAL_ID") == "$abc"


def test_the_command_line_shows_one_line_and_no_traceback() -> None:
    ran = subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=ROOT,
        env=os.environ | {"COVERAGE_REGIONS": ""},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 1
    (line,) = ran.stderr.strip().splitlines()
    assert line.startswith("Cannot start: COVERAGE_REGIONS is missing")


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("postgres://u:p@127.0.0.1:1/none", "The database of DATABASE_URL does not answer: "),
        ("sqlite:////{folder}/empty.sqlite3", "The database is not up to date: run `python manage.py migrate` first."),
        ("sqlite:////{folder}", "The database of DATABASE_URL does not answer: unable to open database file"),
    ],
    ids=["away", "without tables", "a folder"],
)
def test_a_command_says_in_one_line_what_is_wrong_with_the_database(tmp_path: Path, address: str, words: str) -> None:
    ran = subprocess.run(
        [sys.executable, "manage.py", "sync"],
        cwd=ROOT,
        env=os.environ | {"DATABASE_URL": address.format(folder=str(tmp_path).lstrip("/"))},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 1
    (line,) = ran.stderr.strip().splitlines()
    assert line.startswith(words)


def test_the_shipped_settings_pass_django_deployment_check() -> None:
    # Browser tests in the same process let Django be used beside an event loop; an installation does not.
    given = {name: value for name, value in os.environ.items() if name != "DJANGO_ALLOW_ASYNC_UNSAFE"}
    ran = subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        cwd=ROOT,
        env=given | {"COVERAGE_INSECURE_HTTP": "0", "DEBUG": "0"},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr


SAFE = {
    "DEBUG": False,
    "COVERAGE_READ_ONLY": True,
    "COVERAGE_ALLOW_DEACTIVATION": False,
    "SESSION_COOKIE_NAME": "__Host-sessionid",
    "CSRF_COOKIE_NAME": "__Host-csrftoken",
    "SESSION_COOKIE_SECURE": True,
    "CSRF_COOKIE_SECURE": True,
    "SESSION_COOKIE_SAMESITE": "Lax",
    "CSRF_COOKIE_SAMESITE": "Lax",
    "CSRF_COOKIE_HTTPONLY": True,
    "SECURE_SSL_REDIRECT": True,
    "SECURE_HSTS_SECONDS": 31_536_000,
    "SECURE_PROXY_SSL_HEADER": None,
}


def test_who_sets_nothing_gets_the_safe_values() -> None:
    """Only what must be set is set: no debugging, nothing changed at AWS, cookies for https alone."""
    must = {"SECRET_KEY", "ALLOWED_HOSTS", "COVERAGE_REGIONS", "PATH", "HOME"}
    code = f"import coverage_site.settings as s; print({{name: getattr(s, name) for name in {list(SAFE)}}})"
    ran = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if name in must},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    assert ast.literal_eval(ran.stdout) == SAFE


def test_a_secret_key_can_come_from_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "key"
    path.write_text("k" * 40 + "\n")
    monkeypatch.setenv("SECRET_KEY_FILE", str(path))
    assert environment.secret_key() == "k" * 40
    path.write_text("")
    with pytest.raises(ImproperlyConfigured):
        environment.secret_key()


@pytest.mark.parametrize(
    ("given", "broker"),
    [
        ("redis://localhost:6379/1", "redis://localhost:6379/1"),
        ("unix:///run/valkey.sock?db=1", "redis+socket:///run/valkey.sock?virtual_host=1"),
    ],
)
def test_celery_gets_the_broker_in_its_own_spelling(given: str, broker: str) -> None:
    assert environment.broker_url(given) == broker
