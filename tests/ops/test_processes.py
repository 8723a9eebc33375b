"""Worker, beat and broker as real processes: whose signs of life are seen, and what their lines say."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
from pathlib import Path

import pytest

from coverage_site.watchdog import Patience
from tests.ops.conftest import until

QUICK = (
    "import sys; from django.conf import settings; from coverage_site import watchdog;"
    "watchdog.SECONDS_IDLE, watchdog.SECONDS_BETWEEN = 3, 0.3;"
    "[one.update(schedule=1) for one in settings.CELERY_BEAT_SCHEDULE.values() if one['schedule'] == 20];"
    "from coverage_site.celery import app; app.start(sys.argv[1:])"
)
"""Celery's own command line, with a heartbeat every second and a watchdog that loses patience sooner."""
PUBLISH = (
    "from coverage_site.celery import app; from coverage_site.request_ids import request_id;"
    "request_id.set('from-a-page'); app.send_task('aws.tasks.heartbeat')"
)


class Installation:
    """A broker, a database, and the product's processes on them."""

    def __init__(self, start, valkey, folder: Path) -> None:
        self._start, self.valkey, self.database = start, valkey, folder / "coverage.sqlite3"
        self.folder = folder
        assert self.manage("migrate").process.wait(60) == 0

    def manage(self, *command: str):
        return self._start("manage.py", *command, REDIS_URL=self.valkey.url)

    def celery(self, *command: str):
        # Celery warns of a worker that root runs before it sets up any log; in containers nobody is root.
        return self._start("-c", QUICK, *command, REDIS_URL=self.valkey.url, PYTHONWARNINGS="ignore")

    def worker(self):
        program = self.celery("--quiet", "worker", "--concurrency", "1")
        until(lambda: " ready." in program.said)
        return program

    def beat(self):
        return self.celery("--quiet", "beat", "--schedule", str(self.folder / "beat"))

    def publish(self) -> None:
        assert self._start("-c", PUBLISH, REDIS_URL=self.valkey.url).process.wait(30) == 0

    def seen(self, name: str) -> str:
        with sqlite3.connect(self.database, timeout=20) as opened:
            row = opened.execute("SELECT at FROM aws_heartbeat WHERE name = ?", [name]).fetchone()
        return str(row[0]) if row else ""

    def is_seen_anew(self, name: str, seconds: float = 40) -> None:
        before = self.seen(name)
        until(lambda: self.seen(name) != before, seconds)


def children(pid: int) -> list[str]:
    return subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True).stdout.split()


def is_running(pid: str) -> bool:
    state = subprocess.run(["ps", "-o", "stat=", "-p", pid], capture_output=True, text=True).stdout.strip()
    return bool(state) and not state.startswith("Z")


@pytest.fixture
def installation(start, valkey, tmp_path: Path) -> Installation:
    return Installation(start, valkey, tmp_path)


def test_beat_is_seen_by_itself_also_while_worker_and_broker_are_away(installation) -> None:
    beat = installation.beat()
    installation.is_seen_anew("beat")
    assert installation.seen("worker") == ""
    installation.valkey.stop()
    installation.is_seen_anew("beat")
    installation.is_seen_anew("beat")
    assert beat.process.poll() is None


def test_a_worker_is_seen_through_beat_and_broker_and_their_lines_are_json(installation) -> None:
    worker, beat = installation.worker(), installation.beat()
    installation.is_seen_anew("worker")
    assert installation.manage("alive", "worker").process.wait(30) == 0
    assert installation.manage("alive", "beat").process.wait(30) == 0
    beat.process.send_signal(signal.SIGSTOP)
    worker.process.send_signal(signal.SIGSTOP)
    for line in [*worker.lines, *beat.lines]:
        assert {"time", "level", "logger", "message", "request_id"} <= json.loads(line).keys()
    beat.process.send_signal(signal.SIGCONT)
    worker.process.send_signal(signal.SIGCONT)


def test_the_lines_of_a_task_carry_the_id_of_the_request_that_asked_for_it(installation) -> None:
    worker = installation.worker()
    installation.publish()
    until(lambda: "succeeded" in worker.said)
    (done,) = [event for event in map(json.loads, worker.lines) if "succeeded" in event["message"]]
    assert done["request_id"] == "from-a-page"


def test_a_worker_that_takes_nothing_from_its_queue_ends_itself(installation) -> None:
    worker = installation.worker()
    family = children(worker.process.pid)
    assert family
    assert installation.celery("control", "cancel_consumer", "celery").process.wait(30) == 0
    installation.publish()
    assert worker.process.wait(30) == 75
    assert "to be started anew" in worker.lines[-1]
    until(lambda: not any(is_running(child) for child in family))


def test_a_worker_outlives_its_broker_and_works_on(installation) -> None:
    worker = installation.worker()
    installation.valkey.stop()
    until(lambda: "Connection to broker lost" in worker.said)
    installation.valkey.start()
    installation.publish()
    until(lambda: installation.seen("worker"))
    assert worker.process.poll() is None


@pytest.mark.parametrize(
    ("waiting", "running", "received", "seconds"),
    [(3, 0, 0, 100), (0, 0, 0, 0), (None, 0, 0, 0), (3, 1, 0, 0), (3, 0, 55, 0)],
    ids=["stuck", "nothing to do", "the broker is away", "it works", "it received something"],
)
def test_only_a_worker_without_excuse_loses_our_patience(waiting, running, received, seconds) -> None:
    patience = Patience()
    patience.look(50, waiting=3, running=0, last_received=0)
    assert patience.look(150, waiting=waiting, running=running, last_received=received) == seconds


def test_alive_says_no_of_what_was_never_seen(installation) -> None:
    never = installation.manage("alive", "worker")
    assert never.process.wait(30) == 1
    assert never.lines == ["CommandError: worker was never seen."]
