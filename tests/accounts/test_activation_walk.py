"""What activation is for, from end to end: everything that a filter shows, over two Regions, with refusals."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import pytest

from accounts.activation.preview import preview
from accounts.models import ActivationRequest
from demo.organization import Organization
from demo.server import StandIn
from tests import factories
from tests.accounts.activating import add_and_read, read, sent, wish, work
from tests.reading import read as page_of
from tests.stand_in import REGIONS

pytestmark = pytest.mark.django_db

FILTER = "?q=account-&scan_type=LAMBDA_CODE&status=DISABLED"


def hidden(html: str) -> dict[str, list[str]]:
    form = re.search(r'action="/activation/confirm/".*?</form>', html, re.DOTALL)
    assert form, "there is nothing to confirm"
    found: dict[str, list[str]] = {}
    for name, value in re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form[0]):
        found.setdefault(name, []).append(value)
    return found


def test_forty_accounts_of_a_filter_over_two_regions_three_of_them_refused(
    organization: Organization, changing: StandIn, queued: Any, as_person: Any, delegated_admin: Any
) -> None:
    forty = add_and_read(organization, 40)
    others = [organization.add_account(f"{400_000_000_000 + n}", name=f"other-{n}").id for n in range(5)]
    for account_id in forty[:2]:
        organization.accounts[account_id].policy_blocked.add("LAMBDA_CODE")
    organization.refuse(forty[2], "ACCESS_DENIED", operation="Enable", message="Not in this account")
    read()
    client = as_person(delegated_admin)
    assert len(page_of(client.get(f"/coverage/accounts/{FILTER}")).rows) == 40
    asked = {"action": "activate", "all": "1", "filter": FILTER, "scan_type": ["LAMBDA_CODE"], "region": list(REGIONS)}
    page = page_of(client.post("/activation/preview/", asked))
    assert "Will change 80" in page.text
    assert "Activate 80 in 40 accounts" in page.text
    promised = {
        (line.region, line.scan_type, line.account_id)
        for line in preview(delegated_admin, wish(*forty, regions=REGIONS)).sent
    }
    assert len(promised) == 80
    changing.calls.clear()
    response = client.post("/activation/confirm/", hidden(page.html))
    work()
    settled = page_of(client.get(response.url))
    assert "80 of 80 settled. This request is settled" in settled.text
    assert "Done 74" in settled.text
    assert "Refused 6" in settled.text
    assert settled.text.count("BLOCKED_BY_ORGANIZATION_POLICY: LAMBDA_CODE is managed by an organization policy") == 4
    assert settled.text.count("ACCESS_DENIED: Not in this account") == 2
    calls = sent(changing)
    assert {call.operation for call in calls} == {"Enable"}
    made = Counter(
        (call.region, scan_type, account_id)
        for call in calls
        for scan_type in call.params["resourceTypes"]
        for account_id in call.params["accountIds"]
    )
    assert set(made) == promised, "what was shown, all of it, and nothing beside"
    assert set(made.values()) == {1}, "and each once"
    assert not {account_id for _, _, account_id in made} & set(others)
    again = page_of(client.post(f"/activation/{ActivationRequest.objects.get().pk}/retry/"))
    assert "3 accounts. Nothing is changed before you confirm it." in again.text
    viewer = as_person(factories.person("looks", role="viewer"))
    assert page_of(viewer.get(response.url)).text.count("Refused 6") == 1
    assert viewer.post("/activation/preview/", asked).status_code == 403
