"""Log lines: one for each event, with the id of its request, whatever strangers write into it."""

from __future__ import annotations

import json
import logging
import logging.config
import re
import sys

import pytest
from celery import shared_task
from django.test import Client, override_settings

from coverage_site import logs, request_ids, views
from tests.reading import read


@pytest.fixture(autouse=True)
def no_request():
    request_ids.request_id.set("")


def record(message: str, *arguments: object, trace: bool = False) -> logging.LogRecord:
    error = sys.exc_info() if trace else None
    return logging.LogRecord("aws.runs", logging.WARNING, __file__, 1, message, arguments, error)


def as_json(message: str, *arguments: object, trace: bool = False) -> dict[str, str]:
    line = logs.JsonLine().format(record(message, *arguments, trace=trace))
    assert len(line.splitlines()) == 1
    assert line.isascii()
    assert line.isprintable()
    return dict(json.loads(line))


def test_an_event_is_one_line_of_json() -> None:
    request_ids.request_id.set("abc")
    event = as_json("%s failed", "coverage us-east-1")
    request_ids.request_id.set("")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", event.pop("time"))
    assert event == {
        "level": "WARNING",
        "logger": "aws.runs",
        "message": "coverage us-east-1 failed",
        "request_id": "abc",
    }


def test_an_exception_is_one_line_too() -> None:
    try:
        raise ValueError("first\nsecond")
    except ValueError:
        event = as_json("It failed", trace=True)
    assert "ValueError: first\nsecond" in event["exception"]


@pytest.mark.parametrize("form", [logs.Line, logs.JsonLine])
@pytest.mark.parametrize(
    "hostile",
    ["a\r\n2026 INFO root: forged", "\x1b[2J\x1b]0;title\x07", "\x9b31m", "\u2028forged", '{"level": "INFO"}', "\x7f"],
)
def test_what_strangers_write_begins_no_line_and_moves_no_cursor(form, hostile) -> None:
    line = form().format(record("User agent %s", hostile))
    assert len(line.splitlines()) == 1
    assert line.isprintable()


def test_a_traceback_in_text_cannot_be_taken_for_an_event() -> None:
    try:
        raise ValueError("x\n2026-11-24 12:00:00 INFO root: forged")
    except ValueError:
        first, *rest = logs.Line().format(record("It failed", trace=True)).splitlines()
    assert first.endswith("aws.runs: It failed")
    assert all(line.startswith("  | ") for line in rest)


def test_arguments_that_do_not_fit_are_no_second_error() -> None:
    assert as_json("%d rows", "many")["message"] == "%d rows (its arguments do not fit)"


@pytest.mark.parametrize(
    "leak",
    [
        "key AKIAIOSFODNN7CANARY1 was used",
        "ASIAIOSFODNN7CANARY1",
        "Authorization: AWS4-HMAC-SHA256 Credential=x/CANARY1, SignedHeaders=host, Signature=CANARY1",
        "{'Authorization': b'AWS4-HMAC-SHA256 Credential=CANARY1/x, Signature=CANARY1'}",
        "Authorization: Bearer CANARY1.CANARY1",
        "{'X-Amz-Security-Token': b'CANARY1+/=='}",
        "x-amz-security-token:CANARY1\nhost:x",
        "<SecretAccessKey>CANARY1/x+y</SecretAccessKey><SessionToken>CANARY1==</SessionToken>",
        '{"SecretAccessKey": "CANARY1", "SessionToken":"CANARY1"}',
        "aws_secret_access_key=CANARY1",
        "secret_key='CANARY1', token",
        "postgres://coverage:CANARY1@db/coverage and redis://:CANARY1@valkey:6379/0",
        "password=CANARY1 host=db",
        "Cookie: sessionid=CANARY1",
    ],
)
def test_secrets_are_taken_out(leak) -> None:
    assert "CANARY1" not in as_json("%s", leak)["message"]


def test_what_is_no_secret_stays() -> None:
    said = (
        "i-0abc in us-east-1, arn:aws:ecr:us-east-1:111122223333:repository/a, https://x.example/y?z=1, token expired"
    )
    assert as_json("%s", said)["message"] == said


def test_the_installations_own_secrets_are_taken_out_wherever_they_stand(monkeypatch, tmp_path) -> None:
    (tmp_path / "key").write_text("the-key-of-this-installation\n")
    monkeypatch.setenv("SECRET_KEY_FILE", str(tmp_path / "key"))
    monkeypatch.setenv("DATABASE_URL", "postgres://u:p%40ss-word-9@h/d")
    said = as_json("a the-key-of-this-installation b p@ss-word-9 c p%40ss-word-9")["message"]
    assert said == "a [hidden] b [hidden] c [hidden]"


# --- The id of a request


def test_every_answer_says_its_id_and_no_two_are_the_same(as_viewer) -> None:
    ids = {as_viewer.get("/sync/").headers["X-Request-ID"] for _ in range(3)}
    assert len(ids) == 3


@pytest.mark.parametrize(
    ("behind_proxy", "given", "is_taken"),
    [(True, "from-the-proxy:1", True), (True, "a\r\nb", False), (True, "x" * 65, False), (False, "forged", False)],
)
def test_only_a_proxy_of_ours_may_choose_the_id(db, behind_proxy, given, is_taken) -> None:
    with override_settings(COVERAGE_BEHIND_PROXY=behind_proxy):
        said = Client().get("/healthz", headers={"X-Request-ID": given}).headers["X-Request-ID"]
    assert (said == given) is is_taken
    assert request_ids.GIVEN.fullmatch(said)


def test_the_error_page_names_the_id_that_the_log_has(as_viewer, monkeypatch, caplog) -> None:
    def fail(*_, **__):
        raise RuntimeError("the inside of it")

    monkeypatch.setattr(views, "redirect", fail)
    as_viewer.raise_request_exception = False
    caplog.handler.setFormatter(logs.JsonLine())
    response = as_viewer.get("/")
    page = read(response, status=500)
    incident = response.headers["X-Request-ID"]
    assert f"incident id: {incident}" in page.text
    assert "the inside of it" not in page.html
    (event,) = [json.loads(line) for line in caplog.text.splitlines() if '"django.request"' in line]
    assert event["request_id"] == incident
    assert "the inside of it" in event["exception"]


@shared_task
def noted() -> None:
    """Stands for any task."""


def test_a_task_gets_the_id_with_its_message() -> None:
    headers: dict[str, str] = {}
    request_ids.request_id.set("abc")
    request_ids._send(headers=headers)
    request_ids.request_id.set("")
    assert headers == {request_ids.HEADER: "abc"}
