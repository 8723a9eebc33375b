"""What the settings promise of database and queue: nothing else of the code would notice if they were otherwise."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from celery import current_app
from django.conf import settings

from tests.calls import ROOT

WRITERS = """
import threading, time
import django
django.setup()
from django.db import connection, transaction
with connection.cursor() as cursor:
    cursor.execute("PRAGMA journal_mode")
    print("journal", cursor.fetchone()[0])
    cursor.execute("PRAGMA busy_timeout")
    print("waits", cursor.fetchone()[0])
    cursor.execute("CREATE TABLE counter (n INTEGER)")
    cursor.execute("INSERT INTO counter VALUES (0)")

def work():
    try:
        for _ in range(30):
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SELECT n FROM counter")
                n = cursor.fetchone()[0]
                time.sleep(0.001)
                cursor.execute("UPDATE counter SET n = %s", [n + 1])
    except Exception as error:
        print("error", error)
    finally:
        connection.close()

threads = [threading.Thread(target=work) for _ in range(4)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
with connection.cursor() as cursor:
    cursor.execute("SELECT n FROM counter")
    print("counted", cursor.fetchone()[0])
"""
"""Four that read and then write what they read, again and again: without IMMEDIATE most of them fail at once."""


def test_writers_of_sqlite_wait_for_one_another_and_lose_nothing(start) -> None:
    program = start("-c", WRITERS)
    assert program.process.wait(120) == 0, program.said
    assert program.lines == ["journal wal", "waits 20000", "counted 120"]


def test_a_message_comes_back_only_when_its_task_can_run_no_more() -> None:
    """Else the broker gives it to a second worker while the first is still at it."""
    conf = current_app.conf
    assert conf.broker_transport_options["visibility_timeout"] > conf.task_time_limit > conf.task_soft_time_limit
    assert conf.worker_soft_shutdown_timeout < 30


def test_the_queue_takes_json_alone_and_keeps_no_results() -> None:
    conf = current_app.conf
    assert list(conf.accept_content) == ["json"]
    assert conf.task_serializer == "json"
    assert conf.task_ignore_result
    assert conf.result_backend is None


def test_a_worker_acknowledges_what_it_did_and_takes_no_stock() -> None:
    conf = current_app.conf
    assert conf.task_acks_late
    assert conf.worker_prefetch_multiplier == 1
    assert not conf.task_reject_on_worker_lost, "a task that ends its worker would end the next one, for ever"


def test_a_request_of_a_person_is_no_transaction() -> None:
    """A page that reads for long would hold it open, and a task that it queued would run before it is written."""
    assert not settings.DATABASES["default"].get("ATOMIC_REQUESTS")


@pytest.mark.parametrize("folder", ["accounts", "scanning", "coverage_site", "aws"])
def test_only_tasks_send_tasks(folder: str) -> None:
    """Pages use aws.queue: at once or not at all, and behind the transaction that they wrote."""
    allowed = {Path("aws/queue.py"), *(path.relative_to(ROOT) for path in ROOT.glob("*/tasks.py"))}
    for path in (ROOT / folder).rglob("*.py"):
        if path.relative_to(ROOT) not in allowed:
            assert not any(map(_sends, ast.walk(ast.parse(path.read_text())))), path


def _sends(node: ast.AST) -> bool:
    names = {"delay", "apply_async", "send_task"}
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in names
