"""What we ask the broker itself, outside of Celery: never for longer than two seconds."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable
from typing import TypeVar

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

SECONDS = 2.0
SECONDS_EACH = 0.9

Answer = TypeVar("Answer")


class BrokerAway(Exception):
    """It refuses, is silent, or says what is no answer."""


def ask(question: Callable[[redis.Redis], Answer]) -> Answer:
    """The broker's answer, or BrokerAway. In a thread, as a name may take longer to resolve than any time-out says."""
    answers: queue.Queue[Answer | BaseException] = queue.Queue(1)

    def wait() -> None:
        try:
            client = redis.Redis.from_url(
                settings.REDIS_URL,
                socket_connect_timeout=SECONDS_EACH,
                socket_timeout=SECONDS_EACH,
                retry=Retry(NoBackoff(), 0),
            )
            with client:
                answers.put(question(client))
        except Exception as error:
            answers.put(error)

    threading.Thread(target=wait, name="broker", daemon=True).start()
    try:
        answer = answers.get(timeout=SECONDS)
    except queue.Empty:
        raise BrokerAway("The broker did not answer in time.") from None
    if isinstance(answer, BaseException):
        raise BrokerAway(f"The broker does not answer ({type(answer).__name__}).") from answer
    return answer


def ping() -> None:
    ask(lambda client: client.ping())


def queue_lengths(names: Iterable[str]) -> dict[str, int]:
    """How many tasks wait in each queue."""
    return ask(lambda client: {name: int(client.llen(name)) for name in names})
