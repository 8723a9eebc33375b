"""The organization from AWS into the database: who is new, who changed, who left, and what is not believed."""

from __future__ import annotations

from typing import Any

import pytest

from accounts import sync
from accounts.models import AccountChange, AwsAccount
from accounts.organizations import list_accounts
from accounts.summary import activation_summary, organization_is_known
from accounts.sync import sync_accounts, sync_organization
from aws.choices import RunOutcome
from demo.organization import Organization
from demo.server import StandIn
from tests import factories
from tests.stand_in import ADMIN, MEMBER, ON, REGIONS

pytestmark = pytest.mark.django_db(transaction=True)

REGION = REGIONS[0]
SANDBOX = "333300001111"
DENIED = {"status": 403, "code": "AccessDeniedException", "message": "no"}
LIST_ACCOUNTS = {"operation": "ListAccounts"}


def changes(account_id: str) -> list[tuple[str, str, str]]:
    rows = AccountChange.objects.filter(account_id=account_id).order_by("id")
    return list(rows.values_list("field", "from_value", "to_value"))


def add_accounts(organization: Organization, count: int) -> list[str]:
    ids = [f"5{number:011d}" for number in range(count)]
    for account_id in ids:
        organization.add_account(account_id, member=False)
    return ids


def test_the_organization_gives_names_states_and_units(organization: Organization, stand_in: StandIn) -> None:
    organization.add_account(SANDBOX, name="sandbox-17", member=False, state="SUSPENDED", ou="Play/Ground")
    assert sync_organization().outcome == RunOutcome.COMPLETE
    assert organization_is_known()
    assert AwsAccount.objects.get(account_id=MEMBER).name == "payments-prod"
    sandbox = AwsAccount.objects.get(account_id=SANDBOX)
    assert sandbox.state_label == "Suspended"
    assert sandbox.email
    assert sandbox.joined_at is not None
    organization_id, root, *units = sandbox.organizational_unit.split("/")
    assert (organization_id[:2], root[:2], [unit[:3] for unit in units]) == ("o-", "r-", ["ou-", "ou-"])
    assert not AccountChange.objects.exists(), "the first sight is no change"


def test_every_page_of_accounts_is_read(organization: Organization, stand_in: StandIn) -> None:
    add_accounts(organization, 45)
    assert sync_organization().read == 47
    assert len([call for call in stand_in.calls if call.operation == "ListAccounts"]) == 3
    assert AwsAccount.objects.present().count() == 47


class Answering:
    """A client whose ListAccounts has one page with these accounts."""

    def __init__(self, *accounts: dict[str, object]) -> None:
        self.accounts = list(accounts)

    def list_accounts(self) -> dict[str, object]:
        return {"Accounts": self.accounts}


@pytest.mark.parametrize(
    ("sent", "state"),
    [
        ({"State": "PENDING_CLOSURE", "Status": "ACTIVE"}, "PENDING_CLOSURE"),
        ({"Status": "ACTIVE"}, "ACTIVE"),
        ({}, ""),
    ],
)
def test_the_state_wins_over_the_older_status(sent: dict[str, object], state: str) -> None:
    (account,) = list_accounts(Answering({"Id": SANDBOX, **sent}))  # type: ignore[arg-type]
    assert account.state == state
    assert (account.name, account.organizational_unit, account.joined_at) == ("", "", None)


def test_a_second_read_of_the_same_writes_nothing(organization: Organization, stand_in: StandIn, writes_of) -> None:
    assert writes_of(sync_organization), "the first read writes"
    assert writes_of(sync_organization) == []


def test_a_new_name_is_stored_and_a_new_state_or_unit_is_remembered(
    organization: Organization, stand_in: StandIn
) -> None:
    sync_organization()
    before = AwsAccount.objects.get(account_id=MEMBER).organizational_unit
    account = organization.accounts[MEMBER]
    account.name, account.state, account.ou = "payments-old", "SUSPENDED", "Closed"
    run = sync_organization()
    assert (run.new, run.changed) == (0, 1)
    held = AwsAccount.objects.get(account_id=MEMBER)
    assert (held.name, held.state) == ("payments-old", "SUSPENDED")
    assert changes(MEMBER) == [
        ("state", "ACTIVE", "SUSPENDED"),
        ("organizational_unit", before, held.organizational_unit),
    ]


def test_an_account_that_left_is_departed_stays_and_may_return(organization: Organization, stand_in: StandIn) -> None:
    organization.add_account(SANDBOX, name="sandbox-17", member=False)
    sync_organization()
    left = organization.accounts.pop(SANDBOX)
    assert sync_organization().gone == 1
    assert AwsAccount.objects.get(account_id=SANDBOX).departed_at is not None
    organization.accounts[SANDBOX] = left
    sync_organization()
    assert AwsAccount.objects.get(account_id=SANDBOX).departed_at is None
    assert changes(SANDBOX) == [("state", "ACTIVE", "DEPARTED"), ("state", "DEPARTED", "ACTIVE")]


def test_an_account_that_another_read_learns_at_the_same_moment_costs_nothing(
    organization: Organization, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = sync._store_listed

    def meanwhile(run: Any, listed: Any, known: Any, now: Any) -> None:
        AwsAccount.objects.ensure([MEMBER], now)
        store(run, listed, known, now)

    monkeypatch.setattr(sync, "_store_listed", meanwhile)
    assert sync_organization().outcome == RunOutcome.COMPLETE
    assert AwsAccount.objects.get(account_id=MEMBER).name == "payments-prod"


@pytest.mark.parametrize("path", ["o-1/r-1/ou-a", "o-1/r-1/ou-a/"])
def test_a_grant_of_a_unit_holds_for_the_accounts_in_it_however_it_ends(path: str, db: None) -> None:
    for account_id, unit in (("1" * 12, "o-1/r-1/ou-a"), ("2" * 12, "o-1/r-1/ou-a/ou-b"), ("3" * 12, "o-1/r-1/ou-ab")):
        factories.account(account_id, organizational_unit=unit)
    person = factories.person("someone", role="account_viewer", units=[path])
    assert set(AwsAccount.objects.visible_to(person).values_list("account_id", flat=True)) == {"1" * 12, "2" * 12}


@pytest.mark.parametrize("fault", [DENIED, {"body": b"{}"}, {"edit": "cut", "value": 40}, {"body": b"<html></html>"}])
def test_a_failed_read_departs_nobody(organization: Organization, stand_in: StandIn, fault) -> None:
    add_accounts(organization, 45)
    sync_organization()
    organization.accounts.pop(MEMBER)
    stand_in.faults.add(operation="ListAccounts", **fault)
    assert sync_organization().outcome == RunOutcome.FAILED
    assert not AwsAccount.objects.departed().exists()
    assert not organization_is_known()


def test_organizations_that_refuses_our_credentials_is_a_failure_and_no_region_that_is_not_opted_in(
    organization: Organization, stand_in: StandIn
) -> None:
    sync_organization()
    stand_in.faults.add(operation="ListAccounts", status=400, code="UnrecognizedClientException")
    assert sync_organization().outcome == RunOutcome.FAILED
    assert not organization_is_known()


def test_a_read_that_breaks_off_after_the_first_page_departs_nobody(
    organization: Organization, stand_in: StandIn
) -> None:
    add_accounts(organization, 45)
    sync_organization()
    stand_in.faults.add(operation="ListAccounts", call=[2, 3, 4, 5, 6, 7, 8], **DENIED)
    assert sync_organization().outcome == RunOutcome.FAILED
    assert AwsAccount.objects.present().count() == 47


def test_many_that_leave_at_once_are_held_until_a_person_confirms_it(
    organization: Organization, stand_in: StandIn
) -> None:
    ids = add_accounts(organization, 45)
    sync_organization()
    for account_id in ids[:21]:
        del organization.accounts[account_id]
    for _ in range(2):
        run = sync_organization()
        assert run.outcome == RunOutcome.HELD
        assert "21 of 47 accounts are absent" in run.error
        assert not AwsAccount.objects.departed().exists()
    factories.decide_held()
    assert (sync_organization().outcome, AwsAccount.objects.departed().count()) == (RunOutcome.COMPLETE, 21)


def test_the_release_of_some_accounts_lets_no_others_depart(organization: Organization, stand_in: StandIn) -> None:
    ids = add_accounts(organization, 98)
    sync_organization()
    for account_id in ids[:40]:
        del organization.accounts[account_id]
    assert sync_organization().outcome == RunOutcome.HELD
    factories.decide_held()
    for account_id in ids[40:97]:
        del organization.accounts[account_id]
    run = sync_organization()
    assert (run.outcome, AwsAccount.objects.departed().count()) == (RunOutcome.HELD, 0)
    assert "97 of 100 accounts are absent" in run.error, "what was released before is asked for again with the rest"
    factories.decide_held()
    assert sync_organization().gone == 97


def test_more_accounts_than_are_named_depart_up_to_the_number_that_was_released(
    organization: Organization, stand_in: StandIn
) -> None:
    ids = add_accounts(organization, 400)
    sync_organization()
    for account_id in ids[:220]:
        del organization.accounts[account_id]
    assert sync_organization().outcome == RunOutcome.HELD
    factories.decide_held()
    for account_id in ids[220:390]:
        del organization.accounts[account_id]
    assert sync_organization().outcome == RunOutcome.HELD
    factories.decide_held()
    assert sync_organization().gone == 390


def test_twenty_that_leave_are_believed(organization: Organization, stand_in: StandIn) -> None:
    ids = add_accounts(organization, 45)
    sync_organization()
    for account_id in ids[:20]:
        del organization.accounts[account_id]
    assert sync_organization().gone == 20


def test_another_organization_is_held_and_departs_nobody(organization: Organization, stand_in: StandIn, become) -> None:
    organization.add_account(SANDBOX, member=False)
    sync_organization()
    del organization.accounts[SANDBOX]
    organization.management = MEMBER
    become(MEMBER)
    run = sync_organization()
    assert run.outcome == RunOutcome.HELD
    assert f"from {ADMIN}" in run.error
    assert not AwsAccount.objects.departed().exists()


def test_an_account_without_an_organization_is_a_complete_answer(
    organization: Organization, stand_in: StandIn, viewer
) -> None:
    stand_in.faults.add(operation="ListAccounts", status=400, code="AWSOrganizationsNotInUseException")
    assert sync_organization().outcome == RunOutcome.COMPLETE
    sync_accounts(REGION)
    assert activation_summary(viewer, [REGION]).denominator_known


def test_an_organization_that_is_gone_is_held(organization: Organization, stand_in: StandIn) -> None:
    sync_organization()
    stand_in.faults.add(operation="ListAccounts", status=400, code="AWSOrganizationsNotInUseException")
    assert sync_organization().outcome == RunOutcome.HELD
    assert not AwsAccount.objects.departed().exists()
    factories.decide_held()
    assert sync_organization().outcome == RunOutcome.COMPLETE
    assert set(AwsAccount.objects.present().values_list("account_id", flat=True)) == {ADMIN}


def test_without_organizations_accounts_are_known_by_their_id_and_the_denominator_is_not(
    organization: Organization, stand_in: StandIn, viewer
) -> None:
    stand_in.faults.add(operation="ListAccounts", **DENIED)
    assert sync_organization().outcome == RunOutcome.FAILED
    sync_accounts(REGION)
    assert set(AwsAccount.objects.values_list("account_id", "name")) == {(ADMIN, ""), (MEMBER, "")}
    assert not activation_summary(viewer, [REGION]).denominator_known


def test_the_summary_leaves_out_who_is_no_member_and_who_is_suspended(
    organization: Organization, stand_in: StandIn, viewer
) -> None:
    organization.add_account(SANDBOX, member=False)
    organization.add_account("444400001111", member=True, scan_types={REGION: dict.fromkeys(ON, "DISABLED")})
    organization.add_account("555500001111", member=True, state="SUSPENDED")
    sync_organization()
    sync_accounts(REGION)
    summary = activation_summary(viewer, [REGION])
    assert summary.denominator_known
    assert (summary.listed, summary.activated) == (3, 2)
    assert (summary.not_members, summary.suspended, summary.not_activated) == (1, 1, 1)


def test_the_summary_counts_what_the_person_may_see(
    organization: Organization, stand_in: StandIn, account_viewer, nobody
) -> None:
    sync_organization()
    sync_accounts(REGION)
    account_viewer.grants.update(account_id=MEMBER)
    assert [activation_summary(person, [REGION]).listed for person in (account_viewer, nobody)] == [1, 0]


def test_one_scan_type_in_one_region_makes_an_account_activated(
    organization: Organization, stand_in: StandIn, viewer
) -> None:
    sync_organization()
    types = organization.accounts[MEMBER].scan_types
    types[REGIONS[0]], types[REGIONS[1]] = {}, {"LAMBDA": "ENABLED"}
    for region in REGIONS:
        sync_accounts(region)
    assert activation_summary(viewer, [REGIONS[0]], [MEMBER]).activated == 0
    assert activation_summary(viewer, list(REGIONS), [MEMBER]).activated == 1
