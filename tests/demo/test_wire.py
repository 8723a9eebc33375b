"""The proxy in front of the stand-in does to an answer what a broken wire does."""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from demo.organization import Organization
from demo.server import StandIn
from demo.wire import KINDS, Wire

HEADERS = {
    "Content-Type": "application/json",
    "Authorization": "AWS4-HMAC-SHA256 Credential=AKIASTANDIN/20260101/us-east-1/inspector2/aws4_request, Signature=x",
}


@pytest.fixture
def wire() -> Iterator[Wire]:
    organization = Organization.empty()
    organization.add_instance(resource_id="i-0")
    with StandIn(organization) as stand_in, Wire(stand_in.url) as made:
        yield made


def ask(wire: Wire, path: str = "/coverage/list", method: str = "POST", body: Any = None, timeout: float = 3) -> Any:
    host, _, port = wire.url.removeprefix("http://").partition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=timeout)
    try:
        connection.request(method, path, json.dumps(body or {}), HEADERS)
        response = connection.getresponse()
        return response.status, dict(response.getheaders()), response.read()
    finally:
        connection.close()


def test_without_a_script_it_is_not_there(wire: Wire) -> None:
    status, _, body = ask(wire)
    assert status == 200
    assert [row["resourceId"] for row in json.loads(body)["coveredResources"]] == ["i-0"]


@pytest.mark.parametrize("kind", ["reset_before", "reset_after", "refuse"])
def test_a_reset_is_a_reset(wire: Wire, kind: str) -> None:
    wire.add(kind, call=1, seconds=0.2)
    with pytest.raises(ConnectionResetError):
        ask(wire)
    if kind == "refuse":
        with pytest.raises(ConnectionRefusedError):
            ask(wire)
        time.sleep(0.4)
    assert ask(wire)[0] == 200


def test_a_reset_in_the_middle_comes_after_half_of_the_body(wire: Wire) -> None:
    wire.add("reset_middle", call=1)
    with pytest.raises((ConnectionResetError, http.client.IncompleteRead)):
        ask(wire)


def test_a_body_can_be_cut_in_three_ways(wire: Wire) -> None:
    whole = ask(wire)[2]
    wire.add("cut", call=1)
    status, headers, body = ask(wire)
    assert (status, int(headers["Content-Length"]), body) == (200, len(whole) // 2, whole[: len(whole) // 2])
    wire.clear()
    wire.add("cut_short")
    with pytest.raises(http.client.IncompleteRead):
        ask(wire)
    wire.clear()
    wire.add("cut_unsaid")
    status, headers, body = ask(wire)
    assert (status, "Content-Length" in headers, body) == (200, False, whole[: len(whole) // 2])


def test_it_hangs_drips_and_is_late(wire: Wire) -> None:
    wire.add("hang", seconds=5, call=1)
    with pytest.raises(TimeoutError):
        ask(wire, timeout=0.2)
    wire.clear()
    wire.add("latency", seconds=0.3, call=1)
    started = time.monotonic()
    assert ask(wire)[0] == 200
    assert time.monotonic() - started >= 0.3
    wire.clear()
    wire.add("drip", seconds=0.005)
    started = time.monotonic()
    body = ask(wire)[2]
    assert time.monotonic() - started >= 0.005 * len(body)


def test_it_says_something_else(wire: Wire) -> None:
    wire.add("html", call=1)
    assert ask(wire)[2].startswith(b"<!doctype html>")
    wire.clear()
    wire.add("empty", call=1)
    assert ask(wire)[::2] == (200, b"")
    wire.clear()
    wire.add("redirect", call=1, location="http://elsewhere.example/")
    status, headers, _ = ask(wire)
    assert (status, headers["Location"]) == (302, "http://elsewhere.example/")
    wire.clear()
    wire.add("garbage", call=1)
    with pytest.raises(http.client.BadStatusLine):
        ask(wire)
    wire.clear()
    wire.add("close", call=1)
    with pytest.raises(http.client.RemoteDisconnected):
        ask(wire)


def test_a_fault_names_operation_region_and_call(wire: Wire) -> None:
    wire.add("empty", operation="ListFindings")
    wire.add("empty", region="eu-west-1")
    fault = wire.add("empty", operation="ListCoverage", region="us-east-1", call=[2])
    assert [len(ask(wire)[2]) > 0 for _ in range(3)] == [True, False, True]
    assert (fault.seen, fault.hits) == (3, 1)


def test_a_share_of_the_calls_is_the_same_share_with_the_same_seed() -> None:
    def hits(seed: int) -> list[bool]:
        wire = Wire("http://127.0.0.1:1", seed=seed)
        wire.add("empty", share=0.5)
        return [wire.due("ListCoverage", "") is not None for _ in range(40)]

    assert hits(1) == hits(1) != hits(2)
    assert 5 < sum(hits(1)) < 35


def test_another_process_writes_the_script(wire: Wire) -> None:
    status, _, told = ask(wire, "/_wire/faults", body=[{"kind": "empty", "operation": "ListCoverage"}])
    assert (status, len(json.loads(told))) == (200, 1)
    assert ask(wire)[2] == b""
    assert ask(wire, "/_wire/faults", "DELETE")[::2] == (200, b"[]")
    assert ask(wire)[2] != b""
    assert ask(wire, "/_wire/faults", body={"kind": "nonsense"})[0] == 400
    assert ask(wire, "/_stand-in/health", "GET")[0] == 200


@pytest.mark.parametrize("kind", KINDS)
def test_an_end_leaves_nothing_behind(kind: str) -> None:
    with Wire("http://127.0.0.1:1") as wire:
        wire.add(kind, seconds=0)
        with suppress(OSError, http.client.HTTPException):
            ask(wire)
    with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.1", int(wire.url[17:])), 1):
        pytest.fail("somebody still listens")
