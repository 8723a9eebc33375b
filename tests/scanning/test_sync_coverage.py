"""Coverage from AWS into the database: real boto3 over HTTP against the stand-in AWS."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from threading import Thread
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from accounts.models import AwsAccount
from aws import holds, session
from aws.choices import HoldDecision, HoldKind, RunOutcome, ScopeState, What
from aws.errors import AlreadyRunning
from aws.models import SyncRun, SyncScope
from demo.organization import Organization
from demo.server import StandIn
from scanning.choices import ResourceType
from scanning.counts import KEY_FIELDS, recount
from scanning.models import CoverageCount, CoveredResource, StatusChange
from scanning.plan import plan_coverage
from scanning.sync import sync_coverage
from tests import factories
from tests.stand_in import ADMIN, MEMBER

pytestmark = pytest.mark.django_db(transaction=True)

REGION = "us-east-1"
INSTANCES = ResourceType.AWS_EC2_INSTANCE


def sync(expected: int | None = None) -> SyncRun:
    return sync_coverage(REGION, INSTANCES, expected)


def add_instances(organization: Organization, number: int) -> list[Any]:
    return [
        organization.add_instance(region=REGION, account_id=MEMBER, resource_id=f"i-{n:017x}", name=f"web-{n}")
        for n in range(number)
    ]


def present() -> set[str]:
    return set(CoveredResource.objects.present().values_list("resource_id", flat=True))


def a_while_passes() -> None:
    """Let what is missing be missing since before the second read counts."""
    CoveredResource.objects.exclude(missing_since=None).update(missing_since=timezone.now() - timedelta(minutes=11))


def counted() -> dict[tuple[str, ...], int]:
    rows = CoverageCount.objects.filter(count__gt=0).values_list(*KEY_FIELDS, "count")
    return {tuple(key): count for *key, count in rows}


def test_a_row_holds_what_aws_says_of_the_instance(organization: Organization, stand_in: StandIn) -> None:
    scanned = datetime(2026, 11, 20, 8, 30, tzinfo=UTC)
    organization.add_instance(
        region=REGION,
        account_id=MEMBER,
        resource_id="i-0123456789abcdef0",
        name="checkout",
        code="INACTIVE",
        reason="UNMANAGED_EC2_INSTANCE",
        tags={"Env": "prod"},
        platform="LINUX",
        scan_mode="EC2_AGENTLESS",
        last_scanned_at=scanned,
    )
    run = sync()
    assert (run.outcome, run.read, run.new) == (RunOutcome.COMPLETE, 1, 1)
    row = CoveredResource.objects.get()
    assert (row.region, row.account_id, row.resource_id, row.scan_type) == (
        REGION,
        MEMBER,
        "i-0123456789abcdef0",
        "PACKAGE",
    )
    assert (row.name, row.platform, row.scan_mode) == ("checkout", "LINUX", "EC2_AGENTLESS")
    assert row.tags["Env"] == "prod"
    assert (row.group, row.status_key, row.kind) == ("not-scanning", "unmanaged-ec2-instance", "fix")
    assert row.last_scanned_at == row.not_scanned_since == scanned
    assert AwsAccount.objects.filter(account_id=MEMBER).exists()


def test_a_second_read_of_the_same_writes_no_row(organization: Organization, stand_in: StandIn) -> None:
    add_instances(organization, 250)
    sync()
    run = sync()
    assert (run.read, run.new, run.changed, run.gone) == (250, 0, 0, 0)
    assert not StatusChange.objects.exists()


def test_a_status_change_is_remembered_and_counted(organization: Organization, stand_in: StandIn) -> None:
    first, *_ = add_instances(organization, 3)
    sync()
    assert sum(count for key, count in counted().items() if key[1] == "" and key[4] == "scanning") == 3
    organization.change(first, code="INACTIVE", reason="EC2_INSTANCE_STOPPED")
    assert sync().changed == 1
    change = StatusChange.objects.get()
    assert (change.from_reason, change.to_reason) == ("SUCCESSFUL", "EC2_INSTANCE_STOPPED")
    for account_id in ("", MEMBER):
        groups = {key[4]: count for key, count in counted().items() if key[1] == account_id}
        assert groups == {"scanning": 2, "not-scanning": 1}
    assert recount(REGION) == 0, "the counters equal the rows"


def test_an_absent_resource_is_asked_for_and_then_gone(organization: Organization, stand_in: StandIn) -> None:
    first, *_ = add_instances(organization, 5)
    sync()
    organization.remove(first)
    run = sync()
    assert (run.gone, run.missing) == (1, 0)
    gone = CoveredResource.objects.get(resource_id=f"i-{0:017x}")
    assert gone.gone_at is not None
    assert len(present()) == 4
    assert recount(REGION) == 0


def test_a_gone_resource_that_returns_is_present_again(organization: Organization, stand_in: StandIn) -> None:
    first, *_ = add_instances(organization, 2)
    sync()
    organization.remove(first)
    sync()
    add_instances(organization, 1)
    sync()
    row = CoveredResource.objects.get(resource_id=f"i-{0:017x}")
    assert (row.gone_at, row.missing_since) == (None, None)
    assert recount(REGION) == 0


def test_a_row_that_slipped_between_two_pages_is_not_gone(organization: Organization, stand_in: StandIn) -> None:
    add_instances(organization, 300)
    sync()
    stand_in.faults.add(operation="ListCoverage", edit="drop_row", call=1)
    run = sync()
    assert (run.read, run.gone, run.missing) == (299, 0, 0)
    assert len(present()) == 300
    assert not CoveredResource.objects.exclude(missing_since=None).exists()


def test_many_absent_rows_are_gone_only_when_a_second_read_misses_them_too(
    organization: Organization,
    stand_in: StandIn,
) -> None:
    instances = add_instances(organization, 1000)
    sync()
    for instance in instances[:250]:
        organization.remove(instance)
    run = sync()
    assert (run.outcome, run.missing, run.gone) == (RunOutcome.COMPLETE, 250, 0)
    assert sync().gone == 0, "at once is too soon"
    a_while_passes()
    assert sync().gone == 250
    assert len(present()) == 750
    assert recount(REGION) == 0


def test_a_read_that_would_take_away_a_third_is_held_until_aws_statistics_agree(
    organization: Organization,
    stand_in: StandIn,
) -> None:
    instances = add_instances(organization, 60)
    sync()
    for instance in instances[:40]:
        organization.remove(instance)
    run = sync()
    assert run.outcome == RunOutcome.HELD
    assert "40 of 60 rows are absent" in run.error
    assert len(present()) == 60
    assert SyncScope.objects.get(what=What.COVERAGE).state == ScopeState.HELD
    assert sync(expected=20).outcome == RunOutcome.COMPLETE
    assert len(present()) == 20


def test_a_person_releases_the_rows_that_were_missing_and_no_others(
    organization: Organization,
    stand_in: StandIn,
) -> None:
    instances = add_instances(organization, 120)
    sync()
    for instance in instances[:50]:
        organization.remove(instance)
    sync()
    held = SyncScope.objects.get(what=What.COVERAGE)
    assert (len(held.would_go), held.would_go[0]) == (50, f"{MEMBER} i-{0:017x} PACKAGE")
    factories.decide_held()
    for instance in instances[50:95]:
        organization.remove(instance)
    run = sync()
    assert run.outcome == RunOutcome.HELD
    assert "45 of 120 rows are absent" in run.error, "those that went missing later were not released"
    factories.decide_held()
    assert (sync().outcome, len(present())) == (RunOutcome.COMPLETE, 25)
    released = SyncScope.objects.get(what=What.COVERAGE)
    assert (released.would_go, released.hold_decision) == ([], ""), "a decision counts once"


def test_refused_rows_stay_even_where_aws_statistics_agree(organization: Organization, stand_in: StandIn) -> None:
    instances = add_instances(organization, 60)
    sync()
    for instance in instances[:40]:
        organization.remove(instance)
    sync()
    factories.decide_held(HoldDecision.REFUSED)
    assert sync(expected=20).outcome == RunOutcome.HELD
    assert SyncScope.objects.get(what=What.COVERAGE).hold_decision == HoldDecision.REFUSED
    assert len(present()) == 60


def test_a_decision_about_an_earlier_hold_changes_nothing(organization: Organization, stand_in: StandIn) -> None:
    instances = add_instances(organization, 60)
    sync()
    for instance in instances[:40]:
        organization.remove(instance)
    sync()
    seen = SyncScope.objects.get(what=What.COVERAGE)
    sync()
    assert not holds.decide(seen, HoldDecision.RELEASED, "a person")
    assert SyncScope.objects.get(what=What.COVERAGE).hold_decision == ""


def test_a_list_shorter_than_aws_own_statistics_takes_nothing_away(
    organization: Organization,
    stand_in: StandIn,
) -> None:
    instances = add_instances(organization, 100)
    sync(expected=100)
    for instance in instances[:25]:
        organization.remove(instance)
    run = sync(expected=100)
    assert run.outcome == RunOutcome.HELD
    assert "statistics count 100 rows but the list has 75" in run.error
    assert len(present()) == 100


def test_a_list_longer_than_aws_own_statistics_is_not_believed_either(
    organization: Organization, stand_in: StandIn
) -> None:
    instances = add_instances(organization, 100)
    sync(expected=100)
    for instance in instances[:5]:
        organization.remove(instance)
    run = sync(expected=50)
    assert (run.outcome, len(present())) == (RunOutcome.HELD, 100)
    assert "statistics count 50 rows but the list has 95" in run.error


def test_a_few_rows_more_or_less_than_the_statistics_are_data_that_moves(
    organization: Organization, stand_in: StandIn
) -> None:
    instances = add_instances(organization, 100)
    sync(expected=80)
    for instance in instances[:20]:
        organization.remove(instance)
    run = sync(expected=100)
    assert (run.outcome, run.gone, len(present())) == (RunOutcome.COMPLETE, 20, 80)


def test_a_list_of_many_more_pages_than_announced_does_not_end(
    organization: Organization, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scanning.inspector.SPARE_PAGES", 0)
    instances = add_instances(organization, 500)
    sync()
    for instance in instances[:5]:
        organization.remove(instance)
    stand_in.calls.clear()
    run = sync(expected=1)
    assert (run.outcome, run.error_code) == (RunOutcome.FAILED, "EndlessPages")
    assert len([call for call in stand_in.calls if call.operation == "ListCoverage"]) == 2
    assert len(present()) == 500
    assert sync(expected=450).outcome == RunOutcome.HELD
    factories.decide_held()
    assert sync(expected=1).outcome == RunOutcome.COMPLETE, "a person believes the list, however long it is"


def test_what_an_incomplete_read_lacks_was_not_missed_by_a_complete_one(
    organization: Organization, stand_in: StandIn
) -> None:
    instances = add_instances(organization, 1000)
    sync(expected=1000)
    for instance in instances[:250]:
        organization.remove(instance)
    assert sync(expected=1000).outcome == RunOutcome.HELD
    assert not CoveredResource.objects.exclude(missing_since=None).exists()
    a_while_passes()
    run = sync(expected=750)
    assert (run.outcome, run.missing, run.gone) == (RunOutcome.COMPLETE, 250, 0), "the first complete read"
    a_while_passes()
    assert sync(expected=750).gone == 250


def test_a_person_who_believes_an_incomplete_list_lets_the_named_rows_go_and_no_others(
    organization: Organization, stand_in: StandIn
) -> None:
    instances = add_instances(organization, 200)
    sync(expected=200)
    for instance in instances[:80]:
        organization.remove(instance)
    sync(expected=200)
    assert SyncScope.objects.get(what=What.COVERAGE).hold_kind == HoldKind.INCOMPLETE
    factories.decide_held()
    for instance in instances[80:180]:
        organization.remove(instance)
    run = sync(expected=200)
    assert (run.outcome, len(present())) == (RunOutcome.HELD, 200)
    assert "100 of 200 rows are absent" in run.error
    for kind in (HoldKind.ABSENT, HoldKind.INCOMPLETE):
        assert SyncScope.objects.get(what=What.COVERAGE).hold_kind == kind
        factories.decide_held()
        run = sync(expected=200)
    assert (run.outcome, len(present())) == (RunOutcome.COMPLETE, 20)


def test_the_release_of_rows_accepts_no_other_caller(
    organization: Organization, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    instances = add_instances(organization, 100)
    sync()
    for instance in instances[:50]:
        organization.remove(instance)
    assert sync().outcome == RunOutcome.HELD
    factories.decide_held()
    become(MEMBER, stand_in, monkeypatch)
    run = sync()
    assert (run.outcome, len(present())) == (RunOutcome.HELD, 100)
    assert "The caller changed" in run.error


def test_another_caller_that_was_accepted_still_takes_nothing_away_by_its_own_statistics(
    organization: Organization, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(60):
        organization.add_instance(region=REGION, account_id=ADMIN, resource_id=f"i-{number:017x}")
    sync()
    become(MEMBER, stand_in, monkeypatch)
    assert sync(expected=0).outcome == RunOutcome.HELD
    factories.decide_held()
    for _ in range(2):
        run = sync(expected=0)
        assert "60 of 60 rows are absent" in run.error, "the caller is accepted, and what it lacks is asked for"
        assert len(present()) == 60
    factories.decide_held()
    assert (sync(expected=0).outcome, len(present())) == (RunOutcome.COMPLETE, 0)
    assert SyncScope.objects.get(what=What.COVERAGE).caller_account == MEMBER


def become(account_id: str, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in stand_in.credentials(account_id).items():
        monkeypatch.setenv(name.upper(), value)
    session.forget_clients()


FAULTS = [
    {"status": 403, "code": "AccessDeniedException", "message": "no"},
    {"status": 400, "code": "ValidationException", "message": "no"},
    {"status": 400, "code": "ExpiredTokenException", "message": "no"},
    {"body": b"<html>proxy</html>"},
    {"body": b""},
    {"edit": "cut"},
    {"edit": "null_rows"},
    {"edit": "drop_key"},
]


@pytest.mark.parametrize("page", [1, 2, 3])
@pytest.mark.parametrize(
    "fault", FAULTS, ids=lambda fault: str(fault.get("code") or fault.get("edit") or fault.get("body"))
)
def test_a_failed_read_takes_nothing_away(
    organization: Organization,
    stand_in: StandIn,
    fault: dict[str, Any],
    page: int,
) -> None:
    instances = add_instances(organization, 500)
    sync()
    complete_at = SyncScope.objects.get(what=What.COVERAGE).last_complete_at
    for instance in instances[:20]:
        organization.remove(instance)
    before = len([call for call in stand_in.calls if call.operation == "ListCoverage"])
    stand_in.faults.add(operation="ListCoverage", call=list(range(page, page + 3)), **fault)
    run = sync()
    assert run.outcome == RunOutcome.FAILED, before
    assert run.error
    assert len(present()) == 500
    scope = SyncScope.objects.get(what=What.COVERAGE)
    assert (scope.state, scope.last_complete_at) == (ScopeState.FAILED, complete_at)
    stand_in.faults.clear()
    assert sync().outcome == RunOutcome.COMPLETE
    assert len(present()) == 480


def test_a_token_that_comes_back_fails_the_read(organization: Organization, stand_in: StandIn) -> None:
    add_instances(organization, 500)
    stand_in.faults.add(operation="ListCoverage", edit="repeat_token")
    run = sync()
    assert run.outcome == RunOutcome.FAILED
    assert not CoveredResource.objects.exclude(gone_at=None).exists()


def test_throttling_is_waited_out(organization: Organization, stand_in: StandIn) -> None:
    add_instances(organization, 3)
    stand_in.faults.add(operation="ListCoverage", call=1, status=429, code="ThrottlingException", message="slow down")
    assert sync().outcome == RunOutcome.COMPLETE


@pytest.fixture
def no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0)


def test_throttling_of_every_third_call_costs_a_third_more(
    organization: Organization, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch, no_waits: None
) -> None:
    monkeypatch.setattr("scanning.inspector.COVERAGE_PAGE", 5)
    add_instances(organization, 100)
    stand_in.faults.add(operation="ListCoverage", call=list(range(3, 100, 3)), code="ThrottlingException")
    assert (run := sync()).outcome == RunOutcome.COMPLETE
    assert run.read == 100
    assert len([call for call in stand_in.calls if call.operation == "ListCoverage"]) <= 1.5 * 20


def test_throttling_that_does_not_end_fails_the_read_after_a_few_attempts(
    organization: Organization, stand_in: StandIn, no_waits: None
) -> None:
    add_instances(organization, 3)
    sync()
    stand_in.calls.clear()
    stand_in.faults.add(operation="ListCoverage", code="ThrottlingException", message="slow down")
    run = sync()
    assert (run.outcome, run.error) == (RunOutcome.FAILED, "AWS kept throttling ListCoverage: slow down")
    assert len([call for call in stand_in.calls if call.operation == "ListCoverage"]) == 6
    assert len(present()) == 3


def test_of_many_starts_at_once_one_reads(organization: Organization, stand_in: StandIn) -> None:
    add_instances(organization, 3)
    stand_in.faults.add(operation="ListCoverage", delay=1)
    outcomes: list[str] = []

    def start() -> None:
        try:
            outcomes.append(sync().outcome)
        except AlreadyRunning:
            outcomes.append("refused")
        finally:
            connection.close()

    threads = [Thread(target=start) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["complete", *["refused"] * 11]
    assert SyncRun.objects.count() == 1


def test_the_same_row_on_two_pages_is_one_row(organization: Organization, stand_in: StandIn) -> None:
    add_instances(organization, 300)
    stand_in.faults.add(operation="ListCoverage", call=1, edit="duplicate_row")
    sync()
    assert CoveredResource.objects.count() == 300
    assert recount(REGION) == 0


@pytest.mark.parametrize("poison", ["a\x00b", "a\ud800b", "x" * 20_000, "🚀\u202e", "<script>"])
def test_a_poisonous_tag_costs_neither_the_row_nor_its_neighbours(
    organization: Organization,
    stand_in: StandIn,
    poison: str,
) -> None:
    add_instances(organization, 20)
    organization.add_instance(region=REGION, account_id=MEMBER, resource_id="i-00000000000poison", name=poison)
    run = sync()
    assert (run.outcome, run.new) == (RunOutcome.COMPLETE, 21)
    row = CoveredResource.objects.get(resource_id="i-00000000000poison")
    assert row.is_cleaned == ("\x00" in poison or "\ud800" in poison) == bool(run.cleaned)
    assert sync().changed == 0, "cleaning is stable"


POISON = {
    "NUL": "a\x00b",
    "NUL alone": "\x00",
    "a high surrogate": "a\ud800b",
    "a low surrogate": "a\udfffb",
    "a pair the wrong way round": "\udc00\ud800",
    "10 KB": "x" * 10_000,
    "300 characters": "é" * 300,
    "4 bytes": "🚀" * 70,
    "right to left": "\u202eabc\u2066",
    "line ends": "a\r\nb\u2028c\x85d",
    "escapes": "\x1b[31m\x07\x08",
    "wildcards and quotes": "%_'\"; -- \\",
    "spaces": "  ",
    "combining": "e" + "\u0301" * 200,
}


def test_poison_in_every_text_of_a_row_costs_no_row_of_its_page(organization: Organization, stand_in: StandIn) -> None:
    add_instances(organization, 20)
    rows = [
        {
            "accountId": MEMBER,
            "resourceId": f"i-poison-{number}-{poison}",
            "resourceType": "AWS_EC2_INSTANCE",
            "scanType": "PACKAGE",
            "scanMode": poison,
            "scanStatus": {"statusCode": poison, "reason": poison, poison: poison},
            "resourceMetadata": {
                "ec2": {"platform": poison, "amiId": poison, "tags": {"Name": poison, poison: poison}},
                "ecrRepository": {"scanFrequency": poison},
            },
            poison: [poison],
        }
        for number, poison in enumerate(POISON.values())
    ]
    stand_in.faults.add(operation="ListCoverage", edit="add_rows", value=rows)
    run = sync()
    assert (run.outcome, run.new) == (RunOutcome.COMPLETE, 20 + len(POISON)), run.error
    assert run.cleaned == CoveredResource.objects.filter(is_cleaned=True).count() == 5
    assert (sync().changed, recount(REGION)) == (0, 0), "cleaning is stable"


def test_poison_in_an_error_of_aws_is_told_and_ends_the_run(
    organization: Organization, stand_in: StandIn, caplog: pytest.LogCaptureFixture
) -> None:
    add_instances(organization, 2)
    sync()
    code, words = "Odd" + "x" * 300, "a\x00b\ud800" + "y" * 100_000
    body = json.dumps({"__type": code, "message": words}).encode()
    stand_in.faults.add(operation="ListCoverage", status=400, body=body)
    run = sync()
    assert (run.outcome, run.error_code) == (RunOutcome.FAILED, code[:100])
    assert "a\ufffdb\ufffdyyy" in run.error
    assert len(run.error) <= 2000
    assert SyncScope.objects.get(what=What.COVERAGE).state == ScopeState.FAILED
    assert "\ud800" not in caplog.text
    assert len(caplog.text) < 10_000


def test_an_unreadable_time_becomes_none_and_is_marked(organization: Organization, stand_in: StandIn) -> None:
    add_instances(organization, 2)
    organization.add_instance(region=REGION, account_id=MEMBER, last_scanned_at=timezone.now())
    stand_in.faults.add(operation="ListCoverage", edit="bad_time", value="yesterday")
    run = sync()
    assert (run.outcome, run.new) == (RunOutcome.COMPLETE, 3)
    assert run.cleaned == 1
    assert CoveredResource.objects.filter(is_cleaned=True, last_scanned_at=None).exists()


def test_an_unknown_reason_appears_in_its_own_words(organization: Organization, stand_in: StandIn) -> None:
    organization.add_instance(region=REGION, account_id=MEMBER, code="INACTIVE", reason="BRAND_NEW")
    sync()
    row = CoveredResource.objects.get()
    assert (row.status_key, row.group, row.kind) == ("brand-new", "not-scanning", "fix")


def test_the_plan_discovers_types_that_we_do_not_know(organization: Organization, stand_in: StandIn) -> None:
    add_instances(organization, 2)
    organization.add_resource(
        region=REGION,
        accountId=MEMBER,
        resourceType="AWS_EKS_NODE_POOL",
        resourceId="pool-0123456789",
        scanType="PACKAGE",
    )
    run, parts = plan_coverage(REGION)
    assert run.outcome == RunOutcome.COMPLETE
    assert parts["AWS_EKS_NODE_POOL"] == 1
    assert parts["AWS_EC2_INSTANCE"] == 2
    assert "MACHINE_IMAGE" not in parts


def test_denied_statistics_hide_nothing(organization: Organization, stand_in: StandIn) -> None:
    add_instances(organization, 2)
    stand_in.faults.add(operation="ListCoverageStatistics", status=403, code="AccessDeniedException", message="no")
    run, parts = plan_coverage(REGION)
    assert run.outcome == RunOutcome.FAILED
    assert parts[INSTANCES] is None
    assert sync(parts[INSTANCES]).outcome == RunOutcome.COMPLETE
    assert len(present()) == 2


def test_a_type_that_became_empty_is_read_and_not_believed_at_once(
    organization: Organization,
    stand_in: StandIn,
) -> None:
    instances = add_instances(organization, 30)
    sync(expected=30)
    for instance in instances:
        organization.remove(instance)
    _, parts = plan_coverage(REGION)
    assert parts[INSTANCES] == 0
    assert sync(expected=0).outcome == RunOutcome.HELD
    assert sync(expected=0).outcome == RunOutcome.COMPLETE
    assert present() == set()


def test_an_administrator_that_became_a_member_deletes_nobody(
    organization: Organization,
    stand_in: StandIn,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    add_instances(organization, 30)
    sync()
    from aws import session

    for name, value in stand_in.credentials(MEMBER).items():
        monkeypatch.setenv(name.upper(), value)
    session.forget_clients()
    for _ in range(2):
        run = sync()
        assert run.outcome == RunOutcome.HELD
        assert f"The caller changed from {ADMIN}" in run.error
    assert len(present()) == 30


STRANGE_ROWS = [
    {"accountId": "a/b"},
    {"accountId": "1234567890123"},
    {"accountId": "１２３４５６７８９０１２"},
    {"resourceType": "AWS_LAMBDA_FUNCTION"},
]


@pytest.mark.parametrize("strange", STRANGE_ROWS)
def test_a_row_that_cannot_be_what_was_asked_for_fails_the_read_and_is_not_stored(
    organization: Organization, stand_in: StandIn, strange: dict[str, str]
) -> None:
    """Whose row it is decides who may see it, and its type decides which read may take it away."""
    add_instances(organization, 2)
    sync()
    row = {
        "accountId": MEMBER,
        "resourceId": "i-strange",
        "resourceType": "AWS_EC2_INSTANCE",
        "scanType": "PACKAGE",
        "scanStatus": {"statusCode": "ACTIVE", "reason": "SUCCESSFUL"},
        **strange,
    }
    stand_in.faults.add(operation="ListCoverage", edit="add_rows", value=[row])
    assert sync().outcome == RunOutcome.FAILED
    assert "i-strange" not in present()
    assert len(present()) == 2
    assert set(AwsAccount.objects.values_list("account_id", flat=True)) <= {ADMIN, MEMBER}


@pytest.mark.parametrize("rows", [["x"], [5], [None]])
def test_rows_that_are_none_make_the_page_incomplete(
    organization: Organization, stand_in: StandIn, rows: list[Any]
) -> None:
    add_instances(organization, 2)
    stand_in.faults.add(operation="ListCoverage", edit="add_rows", value=rows)
    run = sync()
    assert (run.outcome, run.error_code) == (RunOutcome.FAILED, "IncompletePage")


def test_a_token_that_is_no_text_is_not_from_aws(organization: Organization, stand_in: StandIn) -> None:
    add_instances(organization, 2)
    stand_in.faults.add(operation="ListCoverage", edit="set_token", value=5)
    assert (run := sync()).outcome == RunOutcome.FAILED
    assert "no text" in run.error


def test_a_read_takes_nothing_away_from_another_region_or_type(organization: Organization, stand_in: StandIn) -> None:
    """A read is responsible for one type in one Region, and sees nothing of the others."""
    add_instances(organization, 2)
    organization.add_instance(region="eu-west-1", account_id=MEMBER, resource_id="i-elsewhere")
    organization.add_function(region=REGION, account_id=MEMBER, name="resize")
    sync()
    sync_coverage("eu-west-1", INSTANCES)
    sync_coverage(REGION, ResourceType.AWS_LAMBDA_FUNCTION)
    everything = present()
    assert len(everything) == 4
    for _ in range(2):
        assert sync().outcome == RunOutcome.COMPLETE
        a_while_passes()
    assert present() == everything
    assert not CoveredResource.objects.exclude(missing_since=None).exists()
