"""One read of a scope at a time, fenced, and recorded however it ends."""

from datetime import timedelta

import pytest
from botocore.exceptions import ClientError
from celery.exceptions import SoftTimeLimitExceeded
from django.db import connection
from django.utils import timezone

from aws.choices import CallerKind, HoldDecision, HoldKind, RunOutcome, ScopeState, What
from aws.errors import AlreadyRunning, Held, ReadError, Superseded, TokenRefused
from aws.models import SyncRun, SyncScope
from aws.runs import Run, abort_expired, run_scope, unless_running
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)

REGION = "us-east-1"


def read_with(read) -> SyncRun:
    return run_scope(What.FINDINGS, REGION, "", read)


def scope() -> SyncScope:
    return SyncScope.objects.get(what=What.FINDINGS, region=REGION)


def nothing(run: Run) -> None:
    pass


def test_a_complete_read_is_recorded_with_its_counts() -> None:
    def read(run: Run) -> None:
        run.seen_by("111111111111", CallerKind.DELEGATED_ADMIN)
        run.counts.read = 7

    run = read_with(read)
    assert (run.outcome, run.read, run.caller_account) == (RunOutcome.COMPLETE, 7, "111111111111")
    assert run.ended_at is not None
    assert (scope().state, scope().caller_account) == (ScopeState.OK, "111111111111")
    assert not scope().is_running


def test_a_failed_read_keeps_the_time_of_the_last_complete_one() -> None:
    read_with(nothing)
    complete_at = scope().last_complete_at

    def fail(run: Run) -> None:
        raise ReadError("The list was cut.", request_id="r-1")

    run = read_with(fail)
    assert (run.outcome, run.error, run.error_request_id) == (RunOutcome.FAILED, "The list was cut.", "r-1")
    assert (scope().state, scope().last_complete_at) == (ScopeState.FAILED, complete_at)
    since = scope().failing_since
    read_with(fail)
    assert scope().failing_since == since, "failing since the first failure, not since the last"
    read_with(nothing)
    assert (scope().state, scope().error, scope().failing_since) == (ScopeState.OK, "", None)


def test_an_error_of_our_own_is_recorded_without_its_details() -> None:
    def fail(run: Run) -> None:
        raise KeyError("secret")

    run = read_with(fail)
    assert run.error == "An error of this dashboard, not of AWS: KeyError."


def test_a_scope_is_read_once_at_a_time() -> None:
    def read(run: Run) -> None:
        with pytest.raises(AlreadyRunning):
            read_with(nothing)
        assert unless_running(lambda: read_with(nothing)) is None

    assert read_with(read).outcome == RunOutcome.COMPLETE
    assert SyncRun.objects.count() == 1


def test_a_run_that_lost_its_lease_writes_nothing_more() -> None:
    def read(run: Run) -> None:
        SyncScope.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
        assert read_with(nothing).outcome == RunOutcome.COMPLETE
        with pytest.raises(Superseded), run.writing():
            pytest.fail("a zombie got into the transaction")
        raise Superseded("as it was")

    run = read_with(read)
    assert run.outcome == RunOutcome.ABORTED
    assert scope().state == ScopeState.OK, "the newer run's result stands"


def test_runs_of_killed_workers_are_aborted_when_their_lease_is_over() -> None:
    dead = SyncScope.objects.create(what=What.FINDINGS, region=REGION, generation=1)
    dead.lease_until = timezone.now() + timedelta(seconds=60)
    dead.save()
    SyncRun.objects.create(scope=dead, generation=1, started_at=timezone.now())
    assert abort_expired() == []
    SyncScope.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert len(abort_expired()) == 1
    assert SyncRun.objects.get().outcome == RunOutcome.ABORTED


@pytest.mark.parametrize(
    ("account", "kind"), [("222222222222", CallerKind.DELEGATED_ADMIN), ("111111111111", CallerKind.MEMBER)]
)
def test_another_caller_or_another_kind_of_caller_holds_the_scope(account: str, kind: CallerKind) -> None:
    read_with(lambda run: run.seen_by("111111111111", CallerKind.DELEGATED_ADMIN))
    for _ in range(2):
        run = read_with(lambda run: run.seen_by(account, kind))
        assert run.outcome == RunOutcome.HELD
        assert "The caller changed from 111111111111 (Delegated administrator)" in run.error
    assert scope().caller_account == "111111111111"


def test_held_is_a_state_of_its_own() -> None:
    def hold(run: Run) -> None:
        raise Held("Too much would go.", HoldKind.ABSENT)

    assert read_with(hold).outcome == RunOutcome.HELD
    assert (scope().state, scope().error) == (ScopeState.HELD, "Too much would go.")


@pytest.mark.parametrize(("elsewhere", "outcome"), [(True, RunOutcome.SKIPPED), (False, RunOutcome.FAILED)])
def test_refused_credentials_mean_not_opted_in_only_if_they_work_elsewhere(
    monkeypatch: pytest.MonkeyPatch, elsewhere: bool, outcome: RunOutcome
) -> None:
    monkeypatch.setattr("aws.runs.credentials_work", lambda besides: elsewhere)

    def refuse(run: Run) -> None:
        raise ClientError({"Error": {"Code": "UnrecognizedClientException", "Message": "no"}}, "ListFindings")

    assert read_with(refuse).outcome == outcome


def test_a_person_who_releases_the_scope_lets_the_new_caller_read() -> None:
    read_with(lambda run: run.seen_by("111111111111", CallerKind.DELEGATED_ADMIN))
    read_with(lambda run: run.seen_by("222222222222", CallerKind.DELEGATED_ADMIN))
    factories.decide_held()
    run = read_with(lambda run: run.seen_by("222222222222", CallerKind.DELEGATED_ADMIN))
    assert run.outcome == RunOutcome.COMPLETE
    assert scope().caller_account == "222222222222"


def test_the_release_of_one_caller_accepts_no_third_one() -> None:
    read_with(lambda run: run.seen_by("111111111111", CallerKind.DELEGATED_ADMIN))
    read_with(lambda run: run.seen_by("222222222222", CallerKind.DELEGATED_ADMIN))
    factories.decide_held()
    assert read_with(lambda run: run.seen_by("333333333333", CallerKind.MEMBER)).outcome == RunOutcome.HELD
    assert (scope().caller_account, scope().hold_decision) == ("111111111111", "")


def test_a_refusal_is_not_taken_over_by_a_hold_of_another_kind() -> None:
    def hold(run: Run) -> None:
        raise Held("Too much would go.", HoldKind.ABSENT)

    read_with(hold)
    factories.decide_held(HoldDecision.REFUSED)
    read_with(hold)
    assert scope().hold_decision == HoldDecision.REFUSED
    SyncScope.objects.update(caller_account="111111111111", caller_kind=CallerKind.DELEGATED_ADMIN)
    read_with(lambda run: run.seen_by("222222222222", CallerKind.DELEGATED_ADMIN))
    assert (scope().hold_kind, scope().hold_decision) == (HoldKind.CALLER, "")


def test_a_process_that_is_told_to_end_gives_its_lease_back() -> None:
    def end(run: Run) -> None:
        raise SystemExit

    with pytest.raises(SystemExit):
        read_with(end)
    assert (SyncRun.objects.get().outcome, SyncRun.objects.get().error_code) == (RunOutcome.ABORTED, "interrupted")
    assert read_with(nothing).outcome == RunOutcome.COMPLETE


def test_a_process_that_is_told_to_end_while_it_takes_the_lease_locks_nothing_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def begin(*arguments: object) -> Run:
        connection.set_autocommit(False, force_begin_transaction_with_broken_autocommit=True)
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr("aws.runs._lease", begin)
        with pytest.raises(SystemExit):
            read_with(nothing)
    assert connection.connection is None
    assert read_with(nothing).outcome == RunOutcome.COMPLETE


def test_a_process_that_is_told_to_end_as_a_transaction_begins_ends_and_locks_nothing_more() -> None:
    cursors = []

    def begin(run: Run) -> None:
        cursors.append(connection.cursor())
        cursors[0].execute("BEGIN IMMEDIATE" if connection.vendor == "sqlite" else "BEGIN")
        raise SystemExit

    with pytest.raises(SystemExit):
        read_with(begin)
    assert SyncRun.objects.get().error_code == "interrupted"
    assert read_with(nothing).outcome == RunOutcome.COMPLETE
    assert cursors, "kept until here, as the traceback of an error keeps it"


def test_a_read_that_takes_too_long_is_ended_in_the_middle_of_a_write_and_the_next_one_works() -> None:
    def take_long(run: Run) -> None:
        with run.writing():
            raise SoftTimeLimitExceeded

    for _ in range(3):
        run = read_with(take_long)
        assert (run.outcome, run.error) == (
            RunOutcome.FAILED,
            "The read took longer than a read may take: it was ended.",
        )
    assert read_with(nothing).outcome == RunOutcome.COMPLETE


def test_a_page_token_that_expired_begins_the_read_once_more_and_only_once() -> None:
    reads = []

    def expire(run: Run) -> None:
        run.counts.read = 20
        reads.append(run)
        raise TokenRefused("Invalid nextToken")

    assert read_with(expire).outcome == RunOutcome.FAILED
    assert len(reads) == 2

    def expire_once(run: Run) -> None:
        run.counts.read += 20
        if len(reads) == 2:
            expire(run)

    run = read_with(expire_once)
    assert (run.outcome, run.read) == (RunOutcome.COMPLETE, 20), "rows are not counted twice"


def test_expired_credentials_are_fetched_anew_before_the_read_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    events = []
    monkeypatch.setattr("aws.runs.forget_clients", lambda: events.append("fetched anew"))

    def expire(run: Run) -> None:
        events.append("read")
        raise ClientError({"Error": {"Code": "ExpiredTokenException", "Message": "expired"}}, "ListFindings")

    assert read_with(expire).outcome == RunOutcome.FAILED
    assert events == ["read", "fetched anew", "read"]
