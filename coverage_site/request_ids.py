"""One id for all that follows from one request or one beat: in log lines, through Celery, on the error page."""

from __future__ import annotations

import re
import uuid
from contextvars import ContextVar
from typing import Any

from celery import signals

HEADER = "coverage_request_id"
"""In a task's message."""
GIVEN = re.compile(r"[A-Za-z0-9_.:-]{1,64}")

request_id: ContextVar[str] = ContextVar("request_id", default="")


def new_id(given: str = "") -> str:
    """The id that a proxy gave, if it is one; else a new one."""
    return given if GIVEN.fullmatch(given) else uuid.uuid4().hex


def follow_tasks() -> None:
    """Hand the id on with every task. A task that nobody asked for, as beat's, begins with its own id."""
    signals.before_task_publish.connect(_send)
    signals.task_prerun.connect(_take_up)
    signals.task_postrun.connect(_lay_down)


def _send(headers: dict[str, Any] | None = None, **_: Any) -> None:
    if headers is not None and (current := request_id.get()):
        headers[HEADER] = current


def _take_up(task_id: str, task: Any, **_: Any) -> None:
    if not task.request.called_directly and not task.request.is_eager:
        request_id.set(new_id(str(task.request.get(HEADER) or task_id)))


def _lay_down(task: Any, **_: Any) -> None:
    if not task.request.called_directly and not task.request.is_eager:
        request_id.set("")
