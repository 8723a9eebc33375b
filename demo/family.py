"""Who belongs to a demo: its children, which end with it, and what an earlier one that was killed has left behind."""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import IO

END_WITH_PARENT = 1
"""PR_SET_PDEATHSIG of Linux."""
SECONDS_TO_END = 6

_linux = ctypes.CDLL(None) if sys.platform == "linux" else None


def end_with_parent() -> None:
    """In a child, before it begins: on Linux it is told to end when this process is gone, however that ended."""
    if _linux:
        _linux.prctl(END_WITH_PARENT, signal.SIGTERM)


def started_by() -> tuple[int | None, ...]:
    """The processes without which nobody can end us any more: make, and at a terminal what called it.

    Without make and a terminal somebody may have left us running on purpose.
    """
    parent = os.getppid()
    at_terminal = sys.stdin is not None and sys.stdin.isatty()
    if at_terminal:
        return parent, parent_of(parent)
    return (parent,) if "MAKELEVEL" in os.environ else ()


def parent_of(pid: int) -> int | None:
    found = _stat(pid)
    return int(found[1]) if found else None


def begun(pid: int) -> str:
    """When this process began: a number is given again, a number and its beginning are not."""
    if found := _stat(pid):
        return found[19]
    command = ["ps", "-o", "lstart=", "-p", str(pid)]
    with suppress(OSError):
        return subprocess.run(command, capture_output=True, text=True, check=False, env={"LC_ALL": "C"}).stdout.strip()
    return ""


def _stat(pid: int) -> list[str]:
    """What Linux tells of a process, behind its name; nothing elsewhere."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


class Roll:
    """The file that names the supervisor and its children, for a demo that comes after a killed one."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "processes.json"

    def write(self, children: Iterable[int]) -> None:
        told = {"supervisor": _identity(os.getpid()), "children": [_identity(pid) for pid in children]}
        self.path.write_text(json.dumps(told))

    def end_leftovers(self, is_over: Callable[[], bool]) -> bool:
        """End the children of a supervisor that is gone, until it is over. False if their supervisor lives."""
        try:
            told = json.loads(self.path.read_text())
            supervisor, children = told["supervisor"], told["children"]
            if _is(*supervisor):
                return False
            for number in (signal.SIGTERM, signal.SIGKILL):
                for pid, since in children:
                    if not _is_other(pid, since):
                        with suppress(ProcessLookupError, PermissionError):
                            os.killpg(pid, number)
                deadline = time.monotonic() + SECONDS_TO_END
                while time.monotonic() < deadline:
                    if is_over():
                        return True
                    time.sleep(0.1)
        except (OSError, ValueError, KeyError, TypeError):
            return False
        return False


def _identity(pid: int) -> tuple[int, str]:
    return pid, begun(pid)


def _is(pid: int, since: str) -> bool:
    return bool(since) and begun(pid) == since


def _is_other(pid: int, since: str) -> bool:
    """Whether the number was given to somebody else. A leader that is gone may have left its group behind."""
    return begun(pid) not in {"", since}


def is_ours(lock: IO[str]) -> bool:
    """Whether we have the lock. Children inherit it, so it stays taken for as long as one of them lives."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
