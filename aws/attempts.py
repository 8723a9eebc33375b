"""One attempt of a call to AWS: it says that the reader lives, ends in a limited time, and waits when AWS asks for it.

botocore's read timeout is for each piece that arrives: an answer of one byte a second would never end.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from contextvars import ContextVar
from types import FrameType
from typing import Any

from urllib3.exceptions import ReadTimeoutError

SECONDS = 40
"""The longest that one attempt may take: less than a lease, which each attempt renews."""
LONGEST_WAIT = 30
"""The longest that we wait because an answer says Retry-After."""
THROTTLED = {429, 503}

sign_of_life: ContextVar[Callable[[], None] | None] = ContextVar("sign_of_life", default=None)
"""Called at each attempt of a call, so that a read that AWS makes wait for long is not taken for dead."""


def guard(client: Any) -> None:
    """Do so for every call of this client."""
    client.meta.events.register("before-send", _begin)
    # The first two end it when the answer is there, or none; the third where the answer could not be understood.
    for event in ("before-parse", "response-received", "after-call-error"):
        client.meta.events.register(event, _end)
    client.meta.events.register("needs-retry", _wait_as_told)


def _begin(**_: Any) -> None:
    if say_alive := sign_of_life.get():
        say_alive()
    # Only the main thread gets signals; workers and commands read in theirs.
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGALRM, _give_up)
        signal.setitimer(signal.ITIMER_REAL, SECONDS)


def _end(**_: Any) -> None:
    if threading.current_thread() is threading.main_thread():
        signal.setitimer(signal.ITIMER_REAL, 0)


def _give_up(number: int, frame: FrameType | None) -> None:
    """Inside of botocore's send, which makes its own ReadTimeoutError of it, closes the connection and tries again."""
    raise ReadTimeoutError(None, "", f"No whole answer within {SECONDS} s")  # type: ignore[arg-type]


def _wait_as_told(response: Any = None, **_: Any) -> None:
    """Wait as long as Retry-After says, in addition to botocore's own wait, which knows only AWS' private header.

    The lease is renewed before any wait: the attempt, this wait and botocore's together may last longer than one.
    """
    if say_alive := sign_of_life.get():
        say_alive()
    if response is None or response[0].status_code not in THROTTLED:
        return
    told = response[0].headers.get("Retry-After", "")
    if told.isdigit() and int(told):
        time.sleep(min(int(told), LONGEST_WAIT))
        if say_alive:
            say_alive()
