"""Run one read of one scope: one at a time, fenced, and recorded however it ends."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TypeVar

from botocore.exceptions import BotoCoreError, ClientError
from django.db import DatabaseError, connection, transaction

from aws.attempts import sign_of_life
from aws.choices import CallerKind, HoldDecision, HoldKind, RunOutcome, ScopeState, What
from aws.clock import database_now
from aws.decoding import clean
from aws.errors import (
    EXPIRED,
    LONGEST_TOLD,
    MOST_NAMED,
    NOT_OPTED_IN,
    AlreadyRunning,
    Held,
    ReadError,
    Superseded,
    TokenRefused,
    describe,
    error_code,
    request_id,
)
from aws.models import GLOBAL, LEASE, SyncRun, SyncScope
from aws.session import credentials_work, forget_clients

log = logging.getLogger(__name__)

Result = TypeVar("Result")
KEEP_ALIVE_SECONDS = 10


@dataclass
class Counts:
    """What a run has done so far, in rows."""

    read: int = 0
    new: int = 0
    changed: int = 0
    missing: int = 0
    gone: int = 0
    cleaned: int = 0


class Run:
    """A leased read of a scope. All that it writes, it writes inside `writing()`."""

    def __init__(self, scope: SyncScope, record: SyncRun) -> None:
        self.scope = scope
        self.log = record
        self.counts = Counts()
        self.started_at = record.started_at
        self.is_over = False
        self._written = time.monotonic()
        self.at_completion: dict[str, object] = {}
        self.other_caller = ""

    @contextmanager
    def writing(self) -> Iterator[datetime]:
        """A transaction holding the scope's row: Superseded if another run has the lease. Yields the database's time.

        It also renews the lease and stores the progress, so a run that writes is a run that lives.
        """
        with transaction.atomic():
            scope = SyncScope.objects.select_for_update().get(pk=self.scope.pk)
            if scope.generation != self.log.generation:
                raise Superseded(f"{self.scope}: run {self.log.generation} lost its lease to run {scope.generation}")
            now = database_now(scope.pk)
            yield now
            self._written = time.monotonic()
            lease_until = None if self.is_over else now + LEASE
            SyncScope.objects.filter(pk=scope.pk).update(lease_until=lease_until)
            SyncRun.objects.filter(pk=self.log.pk).update(**asdict(self.counts), expected=self.log.expected)

    def keep_alive(self) -> None:
        """Renew the lease while there is nothing to write, now and then."""
        if time.monotonic() - self._written > KEEP_ALIVE_SECONDS:
            with self.writing():
                pass

    def expect(self, rows: int | None) -> None:
        """How many rows AWS' own statistics announce: for progress, and to check that the read was complete."""
        self.log.expected = rows

    def seen_by(self, account: str, kind: CallerKind) -> None:
        """Hold the scope if it is read by another account, or another kind of caller, than last time.

        A delegated administrator that became a member sees only itself: to delete the others would be wrong.
        """
        scope = self.scope
        self.log.caller_account = account
        self.at_completion |= {"caller_account": account, "caller_kind": kind}
        changed = scope.caller_account and (scope.caller_account, scope.caller_kind) != (account, kind)
        self.other_caller = f"{account} {kind}" if changed else ""
        is_asked = scope.hold_kind == HoldKind.CALLER and not self.is_released_for(HoldKind.CALLER)
        if changed and (is_asked or scope.hold_caller != self.other_caller):
            was = f"{scope.caller_account} ({CallerKind(scope.caller_kind).label})"
            raise Held(
                f"The caller changed from {was} to {account} ({kind.label}), which sees other resources.",
                HoldKind.CALLER,
            )

    def is_released_for(self, kind: HoldKind) -> bool:
        """Whether the last read was held for this, and a person let it pass."""
        return self.scope.hold_kind == kind and self.scope.hold_decision == HoldDecision.RELEASED

    def not_released(self, kind: HoldKind, names: Iterable[str]) -> list[str]:
        """What of this a person did not let go: it is not named, nor, where not all were, within their number."""
        if not self.is_released_for(kind):
            return list(names)
        named = {str(name) for name in self.scope.would_go}
        beyond = [name for name in names if name not in named]
        if beyond and len(named) >= MOST_NAMED:
            held = self.scope.runs.filter(outcome=RunOutcome.HELD).order_by("-generation")
            missing = held.values_list("missing", flat=True).first() or 0
            beyond = beyond[max(0, missing - len(named)) :]
        return beyond

    def on_completion(self, **fields: object) -> None:
        """Fields of the scope to set when, and only when, the run completes."""
        self.at_completion |= fields


def run_scope(what: What, region: str, part: str, read: Callable[[Run], None]) -> SyncRun:
    """Lease the scope, read it, record how it ended. Raises AlreadyRunning if somebody else is reading it.

    An error of the read changes nothing but the scope's error: it is recorded, logged and part of the returned run.
    """
    try:
        return _run_scope(what, region, part, read)
    except Exception:
        raise
    except BaseException:
        # The process ends and may take long to do so: it locks nothing more.
        _let_go()
        raise


def _run_scope(what: What, region: str, part: str, read: Callable[[Run], None]) -> SyncRun:
    run = _lease(what, region, part)
    before = sign_of_life.set(run.keep_alive)
    try:
        _read(run, read)
        with run.writing() as now:
            _complete(run, now)
    except Superseded as lost:
        log.warning("%s", lost)
        _end(run, RunOutcome.ABORTED, "superseded", str(lost))
    except Held as held:
        _hold(run, held)
    except Exception as error:
        if region != GLOBAL and _is_not_opted_in(error) and credentials_work(besides=region):
            _skip(
                run, f"{region} is not opted in for this account: AWS accepts the credentials elsewhere but not here."
            )
        else:
            log.warning(
                "%s failed: %s",
                run.scope,
                clean(str(error))[:LONGEST_TOLD],
                exc_info=not isinstance(error, (BotoCoreError, ClientError, ReadError)),
            )
            _stop(run, ScopeState.FAILED, RunOutcome.FAILED, error)
    except BaseException:
        _interrupt(run)
        raise
    finally:
        sign_of_life.reset(before)
    run.log.refresh_from_db()
    return run.log


def _is_not_opted_in(error: Exception) -> bool:
    return isinstance(error, ClientError) and error_code(error) in NOT_OPTED_IN


def _read(run: Run, read: Callable[[Run], None]) -> None:
    """Read, and once more from the start where a page token or the credentials outlived their time in between."""
    try:
        read(run)
    except (TokenRefused, ClientError) as error:
        is_expired = error_code(error) in EXPIRED
        if not is_expired and not isinstance(error, TokenRefused):
            raise
        log.info("%s begins once more: %s", run.scope, describe(error))
        if is_expired:
            forget_clients()
        run.counts = Counts()
        run.at_completion.clear()
        read(run)


def fail_scope(what: What, region: str, part: str, error: BaseException) -> SyncRun:
    """Record for a scope that it could not be read, without another call: the Region as a whole does not answer."""

    def read(run: Run) -> None:
        raise error

    return run_scope(what, region, part, read)


def unless_running(read: Callable[[], Result]) -> Result | None:
    """Start this read unless it is under way already, which is no error: two syncs met."""
    try:
        return read()
    except AlreadyRunning as running:
        log.info("%s", running)
        return None


def abort_expired() -> list[SyncRun]:
    """End the runs whose lease ran out: their worker was killed or is stuck. Returns them."""
    return [run for run in SyncRun.objects.unfinished().select_related("scope") if _abort_if_expired(run)]


def _abort_if_expired(run: SyncRun) -> bool:
    with transaction.atomic():
        scope = SyncScope.objects.select_for_update().get(pk=run.scope_id)
        now = database_now(scope.pk)
        is_leased = scope.lease_until is not None and scope.lease_until > now
        if scope.generation == run.generation and is_leased:
            return False
        return bool(_abort(run.scope, now))


def _lease(what: What, region: str, part: str) -> Run:
    scope, _ = SyncScope.objects.get_or_create(what=what, region=region, part=part)
    with transaction.atomic():
        scope = SyncScope.objects.select_for_update().get(pk=scope.pk)
        now = database_now(scope.pk)
        if scope.lease_until and scope.lease_until > now:
            raise AlreadyRunning(f"{scope} is being read since {scope.last_started_at}")
        _abort(scope, now)
        scope.generation += 1
        scope.lease_until = now + LEASE
        scope.last_started_at = now
        scope.save(update_fields=["generation", "lease_until", "last_started_at"])
        run = SyncRun.objects.create(scope=scope, generation=scope.generation, started_at=now)
    return Run(scope, run)


def _abort(scope: SyncScope, now: datetime) -> int:
    return (
        SyncRun.objects.unfinished()
        .filter(scope=scope)
        .update(
            outcome=RunOutcome.ABORTED,
            ended_at=now,
            error_code="aborted",
            error="The worker that read this stopped before it was done.",
        )
    )


def _complete(run: Run, now: datetime) -> None:
    _settle(
        run,
        now,
        RunOutcome.COMPLETE,
        state=ScopeState.OK,
        last_complete_at=now,
        failing_since=None,
        error="",
        error_code="",
        error_request_id="",
        hold_kind="",
        hold_caller="",
        would_go=[],
        hold_decision="",
        hold_decided_by="",
        hold_decided_at=None,
        **run.at_completion,
    )


def _skip(run: Run, why: str) -> None:
    with run.writing() as now:
        _settle(
            run, now, RunOutcome.SKIPPED, state=ScopeState.SKIPPED, failing_since=None, error=why, error_code="skipped"
        )


def _stop(run: Run, state: ScopeState, outcome: RunOutcome, error: BaseException, **fields: object) -> None:
    found = {"error": describe(error), "error_code": error_code(error), "error_request_id": request_id(error)}
    run.log.error, run.log.error_code, run.log.error_request_id = found.values()
    try:
        with run.writing() as now:
            _settle(run, now, outcome, state=state, failing_since=run.scope.failing_since or now, **found, **fields)
    except Superseded as lost:
        log.warning("%s", lost)
        _end(run, RunOutcome.ABORTED, "superseded", str(lost))


def _hold(run: Run, held: Held) -> None:
    """A refusal stands as long as it is the same hold; whatever else is held now is asked for anew."""
    scope = run.scope
    is_asked_before = scope.hold_kind == held.kind and scope.hold_caller == run.other_caller
    is_refused = is_asked_before and scope.hold_decision == HoldDecision.REFUSED
    again = {} if is_refused else {"hold_decision": "", "hold_decided_by": "", "hold_decided_at": None}
    _stop(
        run,
        ScopeState.HELD,
        RunOutcome.HELD,
        held,
        hold_kind=held.kind,
        hold_caller=run.other_caller,
        would_go=held.would_go,
        **again,
    )


def _settle(run: Run, now: datetime, outcome: RunOutcome, **fields: object) -> None:
    run.log.outcome, run.log.ended_at = outcome, now
    run.log.save(update_fields=["outcome", "ended_at", "caller_account", "error", "error_code", "error_request_id"])
    SyncScope.objects.filter(pk=run.scope.pk).update(**fields)
    run.is_over = True


def _interrupt(run: Run) -> None:
    """The process was told to end: give the lease back, so that another one can go on at once."""
    _let_go()
    try:
        with transaction.atomic():
            _end(run, RunOutcome.ABORTED, "interrupted", "The process that read this was told to end.")
            SyncScope.objects.filter(pk=run.scope.pk, generation=run.log.generation).update(lease_until=None)
    except DatabaseError as error:
        log.warning("%s keeps its lease until it runs out: %s", run.scope, error)


def _let_go() -> None:
    """End the transaction that is open, also where Django does not know of it: we were told to end as it began.

    Closing is not enough: SQLite goes on while a cursor lives, and the error's traceback keeps one.
    """
    if connection.connection is not None:
        with suppress(Exception):
            connection.connection.rollback()
    connection.close()


def _end(run: Run, outcome: RunOutcome, code: str, error: str) -> None:
    """End a run that has lost its scope: only its own record may still be written."""
    SyncRun.objects.filter(pk=run.log.pk, outcome=RunOutcome.RUNNING).update(
        outcome=outcome, ended_at=database_now(run.scope.pk), error_code=code, error=error
    )
