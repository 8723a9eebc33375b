"""A page sends a task at once or not at all."""

import time

import pytest
from celery import current_app

from aws import queue
from scanning.tasks import sync_now
from tests.broker import broker_that


def test_a_task_is_queued_with_its_arguments(queued) -> None:
    assert queue.send(sync_now.s("eu-west-1"))
    assert queued() == [("sync_now", ["eu-west-1"])]


@pytest.mark.parametrize("kind", ["away", "silent", "loading"])
def test_a_broker_that_does_not_answer_is_told_soon(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with broker_that(kind) as url:
        monkeypatch.setattr(current_app.conf, "broker_url", url)
        started = time.monotonic()
        assert not queue.send(sync_now.s("eu-west-1"))
        # A worker's connection would wait for 10 s.
        assert time.monotonic() - started < 5


def test_without_a_broker_nothing_is_queued() -> None:
    assert current_app.conf.broker_url is None
    assert not queue.send(sync_now.s("eu-west-1"))
