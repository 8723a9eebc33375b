"""A wrong environment, as the servers' own programs show it."""

from __future__ import annotations

import json
import socket
from contextlib import suppress

import pytest

from tests.ops.conftest import free_port, until

GUNICORN = ("-m", "gunicorn", "coverage_site.wsgi", "--workers", "2", "--no-control-socket", "--bind", "127.0.0.1:0")
WORKER = ("-m", "celery", "-A", "coverage_site", "worker", "--concurrency", "1")
BEAT = ("-m", "celery", "-A", "coverage_site", "beat")


@pytest.mark.parametrize("command", [GUNICORN, WORKER, BEAT], ids=["gunicorn", "worker", "beat"])
@pytest.mark.parametrize(
    ("name", "value", "words"),
    [("COVERAGE_REGIONS", "mars", "'mars' is not the name of a Region"), ("LOG_LEVEL", "LOUD", "must be one of")],
)
def test_a_wrong_value_is_said_in_one_line(start, command, name, value, words) -> None:
    program = start(*command, **{name: value})
    assert program.process.wait(30) == 3
    (line,) = program.lines
    assert line.startswith("Cannot start: ")
    assert words in line


@pytest.mark.parametrize("command", [WORKER, BEAT], ids=["worker", "beat"])
def test_workers_and_beat_end_without_a_broker(start, command, tmp_path) -> None:
    schedule = ("--schedule", str(tmp_path / "beat")) if command is BEAT else ()
    program = start(*command, *schedule, REDIS_URL="", PYTHONWARNINGS="ignore")
    assert program.process.wait(60) == 3
    assert program.lines[-1].startswith("Cannot start: REDIS_URL is missing")


def test_gunicorn_says_it_without_its_settings_file_too(start) -> None:
    program = start(*GUNICORN, "--config", "/dev/null", COVERAGE_REGIONS="mars")
    # gunicorn ends with 3, or with 1 where a second worker ends while it is ending.
    assert program.process.wait(30) in {1, 3}
    assert "Cannot start: COVERAGE_REGIONS: 'mars'" in program.said


def test_every_line_of_gunicorn_is_json_whatever_is_sent_to_it(start) -> None:
    port = free_port()
    program = start(*GUNICORN[:-1], f"127.0.0.1:{port}", LOG_LEVEL="DEBUG")
    until(lambda: listens(port))
    for hostile in (
        b"GET / HTTP/9.9\r\n\r\n",
        b"\x1b[2J forged\n\n\r\n\r\n",
        b"GET /\x9b31m HTTP/1.1\r\nHost: \x1b[2J\r\n\r\n",
    ):
        with socket.create_connection(("127.0.0.1", port), timeout=5) as sent:
            sent.sendall(hostile)
            with suppress(TimeoutError, ConnectionError):
                sent.recv(100)
    until(lambda: "Invalid" in program.said)
    program.process.terminate()
    program.process.wait(30)
    messages = [json.loads(line)["message"] for line in program.lines]
    assert any("Invalid" in message for message in messages), messages
    assert program.said.replace("\n", "").isprintable()


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
