"""Named points of a read at which its process can be made to die. The product knows nothing of them."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from pathlib import Path
from typing import Any

POINTS = (
    "lease taken",
    "first page stored",
    "second page stored",
    "rows written, counters not",
    "counters written, not committed",
    "before the absentees",
    "missing marked",
    "before gone",
    "gone marked, not committed",
    "before completion",
    "completion not committed",
    "complete, not acknowledged",
    "planned, nothing sent",
    "half of the plan sent",
    "findings page stored",
    "findings counted, not committed",
    "accounts stored, not committed",
)


def make_small(lease: int) -> None:
    """Pages of few rows, short waits: the same code, many positions, in little time."""
    import botocore.retries.standard as retries
    from botocore.config import Config

    import accounts.inspector
    import aws.attempts
    import aws.budget
    import aws.runs
    import aws.session
    import scanning.inspector

    scanning.inspector.COVERAGE_PAGE = 20
    scanning.inspector.FINDINGS_PAGE = 50
    accounts.inspector.MEMBERS_A_PAGE = 4
    accounts.inspector.ACCOUNTS_A_CALL = 4
    short = {
        (aws.budget, "SLOT_SECONDS"): lease,
        (aws.runs, "LEASE"): timedelta(seconds=lease),
        (aws.runs, "KEEP_ALIVE_SECONDS"): min(10, lease / 5),
        (aws.attempts, "SECONDS"): min(40, lease / 3),
        (aws.attempts, "LONGEST_WAIT"): min(30, lease / 10),
        (retries.ExponentialBackoff, "_BASE"): 1.2,
    }
    for (owner, name), value in short.items():
        assert hasattr(owner, name), name
        setattr(owner, name, value)
    aws.session.CONFIG = aws.session.CONFIG.merge(Config(connect_timeout=1, read_timeout=min(25, lease / 5)))


def period(lease: int) -> timedelta:
    """How often everything is read: the product's shortest is a minute."""
    return min(timedelta(minutes=1), timedelta(seconds=2 * lease))


def install(should_die: Callable[[str], bool]) -> None:
    """Wrap the functions that the points stand between."""
    import accounts.sync
    import aws.runs
    import scanning.absence
    import scanning.counts
    import scanning.finding_sync
    import scanning.plan
    import scanning.sync
    import scanning.tasks

    def pass_by(point: str) -> None:
        if should_die(point):
            os._exit(137)

    def wrap(owner: Any, name: str, before: str = "", after: str = "", nth: dict[int, str] | None = None) -> None:
        inner = getattr(owner, name)
        calls = {"seen": 0}

        @wraps(inner)
        def outer(*args: Any, **kwargs: Any) -> Any:
            if before:
                pass_by(before)
            result = inner(*args, **kwargs)
            if after:
                pass_by(after)
            if nth:
                owner_of_call = args[0].__dict__ if hasattr(args[0], "__dict__") else calls
                owner_of_call["_torture_seen"] = owner_of_call.get("_torture_seen", 0) + 1
                if point := nth.get(owner_of_call["_torture_seen"]):
                    pass_by(point)
            return result

        setattr(owner, name, outer)

    wrap(aws.runs, "_lease", after="lease taken")
    wrap(scanning.sync.CoverageRead, "store", nth={1: "first page stored", 2: "second page stored"})
    wrap(
        scanning.counts.CountDelta,
        "apply",
        before="rows written, counters not",
        after="counters written, not committed",
    )
    wrap(scanning.sync, "settle", before="before the absentees")
    wrap(scanning.sync.CoverageRead, "_mark_missing", after="missing marked")
    wrap(scanning.sync.CoverageRead, "_mark_gone", before="before gone", after="gone marked, not committed")
    wrap(aws.runs, "_complete", before="before completion", after="completion not committed")
    wrap(scanning.sync, "sync_coverage", after="complete, not acknowledged")
    wrap(scanning.plan, "plan_coverage", after="planned, nothing sent")
    wrap(scanning.finding_sync.FindingsRead, "store", after="findings page stored")
    wrap(scanning.finding_sync, "recount_findings", after="findings counted, not committed")
    wrap(accounts.sync, "_store_accounts", after="accounts stored, not committed")
    _wrap_sending(scanning.tasks, pass_by)


def _wrap_sending(tasks: Any, pass_by: Callable[[str], None]) -> None:
    send = tasks.sync_coverage.delay
    sent = {"tasks": 0}

    def delay(*args: Any, **kwargs: Any) -> Any:
        result = send(*args, **kwargs)
        sent["tasks"] += 1
        if sent["tasks"] % 4 == 0:
            pass_by("half of the plan sent")
        return result

    tasks.sync_coverage.delay = delay


def named_in(file: Path) -> Callable[[str], bool]:
    """Whether the file names this point; whoever takes the file away dies, and no other."""

    def should_die(point: str) -> bool:
        try:
            if file.read_text() != point:
                return False
            file.rename(file.with_name("died"))
        except OSError:
            return False
        return True

    return should_die
