"""The demo's supervisor: a worker that ends itself is started anew, anything else ends the demo."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from demo import __main__ as demo


@pytest.fixture
def supervisor(tmp_path: Path):
    made = demo.Supervisor(tmp_path, dict(os.environ))
    yield made
    made.end()


def wait_for(supervisor: demo.Supervisor, number: int) -> None:
    """Until the worker's log has this many lines."""
    deadline = time.monotonic() + 10
    while len((supervisor.state / "worker.log").read_text().splitlines()) < number:
        assert time.monotonic() < deadline
        supervisor.pause(0.05)


def test_a_worker_that_ended_itself_is_started_anew(supervisor, monkeypatch) -> None:
    monkeypatch.setattr(demo, "SECONDS_BETWEEN_RESTARTS", 0)
    supervisor.start("worker", sys.executable, "-c", "import sys; print('here'); sys.exit(75)")
    wait_for(supervisor, 3)
    assert [child.name for child in supervisor.children] == ["worker"]


def test_a_worker_that_cannot_start_ends_the_demo_with_its_last_lines(supervisor) -> None:
    supervisor.start("worker", sys.executable, "-c", "import sys; sys.exit('Cannot start: no.')")
    with pytest.raises(demo.Stop, match=r"Cannot start: no\."):
        wait_for(supervisor, 99)


def test_a_web_server_that_ends_is_not_hidden(supervisor, monkeypatch) -> None:
    monkeypatch.setattr(demo, "SECONDS_BETWEEN_RESTARTS", 0)
    supervisor.start("worker", sys.executable, "-c", "import time; time.sleep(60)")
    supervisor.start("web", sys.executable, "-c", "pass")
    with pytest.raises(demo.Stop, match="The web ended early"):
        wait_for(supervisor, 99)
