"""The way from a page to the queue: at once or not at all, so that nobody waits for a broker that does not answer."""

from __future__ import annotations

import logging
from typing import Any

import kombu.transport.redis  # noqa: F401  when the process starts, not when the first person waits
from celery import Signature, current_app
from kombu.exceptions import OperationalError

log = logging.getLogger(__name__)

SOON = {"socket_connect_timeout": 0.5, "socket_timeout": 0.75, "max_retries": 0}
"""A worker that sends tasks is patient with a broker that restarts; a person is told within two seconds."""


def send(*tasks: Signature[Any]) -> bool:
    """Queue these tasks. False if the broker does not answer.

    The connection is a new one: to a broker that hangs nothing is written, where an old one may still take it.
    """
    if not current_app.conf.broker_url:
        return False
    try:
        with current_app.connection_for_write(transport_options=SOON) as connection:
            for task in tasks:
                task.apply_async(connection=connection, retry=False)
    except OperationalError as error:
        log.warning("The queue does not answer: %s", error)
        return False
    return True
