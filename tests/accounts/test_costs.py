"""What a plan costs, where AWS gives usage: read once a day, said as an estimate, never made up."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.activation.costs import scan_type_of
from accounts.models import AccountUsage
from accounts.sync import sync_accounts
from aws.choices import RunOutcome
from demo.organization import Organization
from demo.server import StandIn
from tests import factories
from tests.factories import OTHER_REGION, PAYMENTS, REGION, SEARCH
from tests.reading import read
from tests.stand_in import ADMIN, MEMBER

pytestmark = pytest.mark.django_db(transaction=True)

PREVIEW = "/activation/preview/"


def usage(account_id: str, cost: float, region: str = REGION, kind: str = "LAMBDA_FUNCTION_CODE_HOURS") -> None:
    told = [{"type": kind, "total": 1.0, "estimatedMonthlyCost": cost, "currency": "USD"}]
    AccountUsage.objects.create(account_id=account_id, region=region, usage=told, read_at=timezone.now())


@pytest.fixture
def admin(delegated_admin, as_person) -> Any:
    factories.administered()
    for account_id in (PAYMENTS, SEARCH, "222200001111", "333300001111"):
        factories.scan_types(account_id, REGION, LAMBDA_CODE="DISABLED" if account_id == PAYMENTS else "ENABLED")
    return as_person(delegated_admin)


def shown(client: Any, *account_ids: str, **wish: Any) -> str:
    asked = {"action": "activate", "account": list(account_ids), "scan_type": ["LAMBDA_CODE"], "region": [REGION]}
    return read(client.post(PREVIEW, {**asked, **wish})).text


def test_activating_costs_what_it_costs_on_average_where_it_is_on(admin) -> None:
    usage(SEARCH, 3.0)
    usage("222200001111", 5.0)
    usage(PAYMENTS, 100.0)
    usage(SEARCH, 900.0, OTHER_REGION)
    text = shown(admin, PAYMENTS)
    assert "Lambda code: about USD 4.00 a month for 1 place" in text
    assert "the 2 places where it is activated: USD 4.00 each on average." in text
    assert "An estimate: AWS' own figures of the last 30 days (ListUsageTotals), read" in text


def test_deactivating_saves_what_aws_estimates_for_exactly_these_places(admin) -> None:
    usage(SEARCH, 3.25)
    usage(PAYMENTS, 100.0)
    text = shown(admin, SEARCH, "222200001111", action="deactivate")
    assert "Lambda code: about USD 3.25 a month less, in 1 place. AWS gives no usage for the other 1." in text


def test_without_usage_it_is_said_and_no_number_is_made_up(admin) -> None:
    text = shown(admin, PAYMENTS)
    assert "Lambda code: AWS gives no usage, because none of the accounts that you see has it activated here." in text
    assert "USD" not in text
    assert "An estimate" not in text
    assert "Lambda code: AWS gives no usage." in shown(admin, SEARCH, action="deactivate")


def test_nothing_is_told_of_accounts_that_the_person_does_not_see(admin, as_person) -> None:
    usage(SEARCH, 3.0)
    partly = as_person(factories.person("partly", role="delegated_admin", accounts=[PAYMENTS]))
    assert "USD" not in shown(partly, PAYMENTS)


def test_usage_types_belong_to_scan_types_and_unknown_ones_to_none() -> None:
    from botocore.session import get_session

    known = get_session().get_service_model("inspector2").shape_for("UsageType").metadata["enum"]
    other_clouds = {name for name in known if name.startswith(("AZURE_", "GCP_"))}
    assert {name for name in known if not scan_type_of(name)} == other_clouds
    assert scan_type_of("LAMBDA_FUNCTION_CODE_HOURS") == "LAMBDA_CODE"
    assert scan_type_of("LAMBDA_FUNCTION_HOURS") == "LAMBDA"
    assert scan_type_of("EC2_AMI_HOURS") == "AMI"
    assert scan_type_of("SOMETHING_NEW") == ""


def test_a_sync_reads_usage_once_a_day_and_does_without_where_it_is_denied(
    organization: Organization, stand_in: StandIn
) -> None:
    def calls() -> int:
        return sum(call.operation == "ListUsageTotals" for call in stand_in.calls)

    organization.add_instance(account_id=MEMBER)
    sync_accounts(REGION)
    rows = {row.account_id: {one["type"]: one["total"] for one in row.usage} for row in AccountUsage.objects.all()}
    assert sorted(rows) == sorted([ADMIN, MEMBER])
    assert rows[MEMBER]["EC2_INSTANCE_HOURS"] == 720
    sync_accounts(REGION)
    assert calls() == 1
    AccountUsage.objects.update(read_at=timezone.now() - timedelta(days=2))
    stand_in.faults.add(operation="ListUsageTotals", status=403, code="AccessDeniedException", message="no")
    assert sync_accounts(REGION).outcome == RunOutcome.COMPLETE
    assert AccountUsage.objects.count() == 2
