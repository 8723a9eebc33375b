"""One attempt of a call has a limited time, honours Retry-After, and never follows an answer to another host."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from aws import attempts, session
from aws.errors import describe
from demo.server import StandIn
from demo.wire import Wire

REGION = "us-east-1"


@pytest.fixture
def wire(stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> Iterator[Wire]:
    """The product's clients reach the stand-in through it."""
    with Wire(stand_in.url) as made:
        monkeypatch.setenv("AWS_ENDPOINT_URL", made.url)
        session.forget_clients()
        yield made


def read() -> Any:
    return session.inspector(REGION).list_coverage(maxResults=20)


def test_an_answer_that_drips_is_given_up_and_asked_for_again(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "SECONDS", 0.5)
    wire.add("drip", seconds=0.1, call=1)
    started = time.monotonic()
    assert read()["coveredResources"] == []
    assert 0.5 <= time.monotonic() - started < 20, "on a machine that is busy, too"


def test_what_takes_long_between_two_calls_is_not_given_up(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "SECONDS", 0.3)
    read()
    time.sleep(0.5)
    read()


def test_an_answer_that_cannot_be_understood_ends_the_attempt_too(
    stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempts, "SECONDS", 0.3)
    stand_in.faults.add(operation="ListMembers", edit="set", value={"members.0.updatedAt": "yesterday"})
    with pytest.raises(ValueError, match="yesterday"):
        session.inspector(REGION).list_members()
    time.sleep(0.5)


def test_a_redirect_to_another_host_is_not_followed(wire: Wire) -> None:
    with socket.create_server(("127.0.0.1", 0)) as elsewhere:
        elsewhere.settimeout(0.3)
        wire.add("redirect", location=f"http://127.0.0.1:{elsewhere.getsockname()[1]}/coverage/list")
        with pytest.raises(ClientError, match="302"):
            read()
        with pytest.raises(TimeoutError):
            elsewhere.accept()


def test_retry_after_is_waited_for(stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr("aws.attempts.time.sleep", waits.append)
    stand_in.faults.add(operation="ListCoverage", code="ThrottlingException", retry_after=7, call=1)
    stand_in.faults.add(operation="ListCoverage", code="ThrottlingException", retry_after=9000, call=2)
    read()
    assert [wait for wait in waits if wait >= 7] == [7, attempts.LONGEST_WAIT]


def test_the_lease_is_renewed_between_a_long_attempt_and_a_long_wait(
    stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[str] = []
    monkeypatch.setattr("aws.attempts.time.sleep", lambda seconds: events.append(f"wait {seconds}"))
    stand_in.faults.add(operation="ListCoverage", code="ThrottlingException", retry_after=30, call=1)
    before = attempts.sign_of_life.set(lambda: events.append("alive"))
    try:
        read()
    finally:
        attempts.sign_of_life.reset(before)
    around = [event for event in events if event in {"alive", "wait 30"}]
    assert around[:4] == ["alive", "alive", "wait 30", "alive"], "at the attempt, and again when it is answered"


def test_a_wrong_clock_is_named_with_its_error(stand_in: StandIn) -> None:
    theirs = format_datetime(datetime.now(UTC) - timedelta(minutes=10), usegmt=True)
    stand_in.faults.add(
        operation="ListCoverage",
        code="InvalidSignatureException",
        message="Signature not yet current: 20260101T001000Z is still later than 20260101T000500Z",
        headers={"Date": theirs},
    )
    with pytest.raises(ClientError) as refused:
        read()
    assert describe(refused.value).startswith("This server's clock is off by 60")
    assert len(stand_in.calls) == 1, "a wrong clock is not cured by asking again"
