"""A broker in memory, and some that are none: what the product's own Celery queues, and what it cannot."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import Empty
from threading import Thread

import pytest
from celery import current_app

Queued = Callable[[], list[tuple[str, list]]]
"""(task, its arguments) of each message that waits; they are taken out."""


@pytest.fixture
def queued(monkeypatch: pytest.MonkeyPatch) -> Iterator[Queued]:
    monkeypatch.setattr(current_app.conf, "broker_url", "memory://")

    def take() -> list[tuple[str, list]]:
        found: list[tuple[str, list]] = []
        with current_app.connection_for_read() as connection, connection.SimpleQueue("celery") as waiting:
            while True:
                try:
                    message = waiting.get_nowait()
                except Empty:
                    return found
                message.ack()
                found.append((message.headers["task"].rpartition(".")[2], message.decode()[0]))

    take()
    yield take
    take()


@contextmanager
def broker_that(kind: str) -> Iterator[str]:
    """The address of a broker that is `away`, is `silent` when spoken to, or answers `loading` to everything."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        address = f"redis://127.0.0.1:{listening.getsockname()[1]}/0"
        if kind == "away":
            listening.close()
        else:
            listening.listen(50)
        if kind == "loading":
            Thread(target=_say_loading, args=[listening], daemon=True).start()
        yield address


def _say_loading(listening: socket.socket) -> None:
    while True:
        try:
            connection, _ = listening.accept()
        except OSError:
            return
        Thread(target=_answer, args=[connection], daemon=True).start()


def _answer(connection: socket.socket) -> None:
    with connection:
        try:
            while connection.recv(65536):
                connection.sendall(b"-LOADING the dataset is read into memory\r\n")
        except OSError:
            return
