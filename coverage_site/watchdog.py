"""Ends a worker that is alive but takes nothing from its queue, so that its supervisor starts a new one.

After a restart of the broker a Celery worker may stay connected and never consume again. It looks healthy from outside.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from typing import Any

from celery import bootsteps, signals

log = logging.getLogger(__name__)

SECONDS_IDLE = 120
SECONDS_BETWEEN = 10
STUCK = 75
"""The exit code of a worker that ended itself."""

_last_received = time.monotonic()


@signals.task_received.connect
def _note(**_: Any) -> None:
    global _last_received
    _last_received = time.monotonic()


class Patience:
    """How long tasks have been waiting while this worker ran nothing and received nothing."""

    def __init__(self) -> None:
        self.since: float | None = None

    def look(self, now: float, *, waiting: int | None, running: int, last_received: float) -> float:
        """Seconds without any reason for it. `waiting` is None where the broker does not answer."""
        if not waiting or running or (self.since is not None and last_received > self.since):
            self.since = None
            return 0.0
        if self.since is None:
            self.since = now
        return now - self.since


class Watchdog(bootsteps.StartStopStep):
    """A thread of its own: the loop that should consume may be what is stuck."""

    def __init__(self, parent: Any, **options: Any) -> None:
        super().__init__(parent, **options)
        self._stopped = threading.Event()

    def start(self, parent: Any) -> None:
        queues = list(parent.app.amqp.queues.consume_from)
        threading.Thread(target=self._watch, args=(queues,), name="watchdog", daemon=True).start()

    def stop(self, parent: Any) -> None:
        self._stopped.set()

    terminate = stop

    def _watch(self, queues: list[str]) -> None:
        from celery.worker import state  # Not where a web server or a command imports this module.

        patience = Patience()
        while not self._stopped.wait(SECONDS_BETWEEN):
            waiting = how_many_wait(queues)
            running = len(state.active_requests)
            idle = patience.look(time.monotonic(), waiting=waiting, running=running, last_received=_last_received)
            if idle >= SECONDS_IDLE:
                end(
                    "%s tasks wait, and for %d seconds this worker took none: it ends, to be started anew.",
                    waiting,
                    idle,
                )


def how_many_wait(queues: list[str]) -> int | None:
    from coverage_site.broker import BrokerAway, queue_lengths

    try:
        return sum(queue_lengths(queues).values())
    except BrokerAway:
        return None


def end(message: str, *arguments: object, leave: Callable[[int], None] = os._exit) -> None:
    """At once: it runs nothing, and a loop that is stuck would not answer a request to end."""
    log.critical(message, *arguments)
    logging.shutdown()
    leave(STUCK)
