"""The request budget: Inspector's own limits are not published, so we keep to ours, for each account and Region.

The counters live in Django's cache: with Redis they hold across all workers, without it in this process.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from uuid import uuid4

from django.core.cache import cache

from aws.attempts import sign_of_life
from aws.errors import ReadError, Superseded

log = logging.getLogger(__name__)

SLOT_SECONDS = 60
"""A call whose last attempt began longer ago than this was killed: its slot is free again."""
LONGEST_WAIT = 180


class NoTurn(ReadError):
    """No call to this Region ended in the longest time that one waits for its turn: to call all the same is worse."""


class RequestBudget:
    """At most `at_once` calls at the same time and `rate` a second to one Region."""

    def __init__(self, region: str, rate: float, at_once: int, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self.region = region
        self.rate = rate
        self.at_once = at_once
        self.sleep = sleep
        self._slots: list[str] = []
        self._tokens: dict[str, str] = {}

    def guard(self, client: Any) -> None:
        """Make every call of this client wait for its turn."""
        client.meta.events.register("before-call.inspector2", self._before_call)
        client.meta.events.register("before-send.inspector2", self._before_attempt)
        client.meta.events.register("after-call.inspector2", self._after_call)
        client.meta.events.register("after-call-error.inspector2", self._after_call)

    def _before_call(self, **_: Any) -> None:
        try:
            self._slots.append(self.take_slot())
            self.wait_for_rate()
        except (Superseded, NoTurn):
            raise
        except Exception:
            # A cache that is away must not stop the reading: AWS' own throttling is answered by retries.
            log.warning("The request budget cannot be kept: the cache does not answer")

    def _before_attempt(self, **_: Any) -> None:
        """Keep the slot while the call is tried again and again."""
        with suppress(Exception):
            for slot in self._slots:
                if self._is_ours(slot):
                    cache.touch(slot, SLOT_SECONDS)

    def _after_call(self, **_: Any) -> None:
        if self._slots:
            slot = self._slots.pop()
            try:
                if self._is_ours(slot):
                    cache.delete(slot)
            except Exception:
                log.warning(
                    "A slot of the request budget stays taken for %s s: the cache does not answer", SLOT_SECONDS
                )

    def _is_ours(self, slot: str) -> bool:
        """Not if this call took so long that its slot ran out and another one has it now."""
        return bool(cache.get(slot) == self._tokens.get(slot))

    def take_slot(self) -> str:
        """Wait until fewer than `at_once` calls are under way, and take a place among them."""
        token = uuid4().hex
        for _ in range(LONGEST_WAIT * 20):
            for number in range(self.at_once):
                slot = f"aws-call:{self.region}:{number}"
                if cache.add(slot, token, SLOT_SECONDS):
                    self._tokens[slot] = token
                    return slot
            if say_alive := sign_of_life.get():
                say_alive()
            self.sleep(0.05)
        raise NoTurn(f"No other call to {self.region} ended within {LONGEST_WAIT} s.")

    def wait_for_rate(self) -> None:
        """Wait for a second in which fewer than `rate` calls have begun (below 1: a longer window with one call)."""
        window = max(1.0, 1 / self.rate)
        most = max(1, int(self.rate * window))
        while True:
            now = time.time()
            key = f"aws-rate:{self.region}:{int(now / window)}"
            cache.add(key, 0, int(window) + 5)
            if cache.incr(key) <= most:
                return
            self.sleep(window - now % window + 0.001)
