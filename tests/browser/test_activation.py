"""Activation in a browser: from the list over the preview and the click to a settled request at the stand-in."""

from __future__ import annotations

import re
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from accounts.activation.worker import carry_out, follow_up
from accounts.choices import ItemState
from accounts.models import ActivationItem, ActivationRequest
from tests import factories
from tests.accounts import activating
from tests.accounts.conftest import changing  # noqa: F401
from tests.stand_in import REGIONS

pytestmark = pytest.mark.django_db(transaction=True)

LIST = "/coverage/accounts/"


@pytest.fixture
def viewer(db):
    """Here the pages are opened by somebody who may activate."""
    return factories.person("delegated-admin", role="delegated_admin", all_accounts=True)


@pytest.fixture
def many(organization, changing, queued) -> list[str]:  # noqa: F811
    """Thirty members without Lambda code scanning; one of them under a policy that forbids it."""
    ids = activating.add(organization, 30)
    organization.accounts[ids[2]].policy_blocked.add("LAMBDA_CODE")
    activating.read()
    return ids


def select(page: Any, name: str) -> Any:
    return page.get_by_role("checkbox", name=f"Select {name}")


def test_from_the_list_over_the_preview_and_the_click_to_the_settled_page(open_page, many, changing):  # noqa: F811
    page = open_page(LIST + "?q=account")
    for name in ("account-000", "account-001", "account-002"):
        select(page, name).check()
    page.get_by_role("button", name="Activate…", exact=True).click()
    expect(page.get_by_role("heading", name="Activate scan types")).to_be_visible()
    page.get_by_role("checkbox", name="Lambda code").check()
    page.get_by_role("button", name="Show what would change").click()
    expect(page.get_by_role("heading", name="Will change 6")).to_be_visible()
    assert not ActivationRequest.objects.exists()
    page.get_by_role("button", name="Activate 6 in 3 accounts").click()
    expect(page.get_by_role("status").get_by_text("0 of 6 settled")).to_be_visible()
    for _ in range(8):
        for number in follow_up():
            carry_out(number)
        activating.a_while_passes()
    expect(page.get_by_text("6 of 6 settled. This request is settled")).to_be_visible()
    expect(page.get_by_role("button", name="Try again what failed…")).to_be_visible()
    expect(page.get_by_text("BLOCKED_BY_ORGANIZATION_POLICY")).to_have_count(2)
    enabled = activating.sent(changing, "Enable")
    assert sorted((call.region, call.params["resourceTypes"][0]) for call in enabled) == [
        ("eu-west-1", "LAMBDA_CODE"),
        ("us-east-1", "LAMBDA_CODE"),
    ]
    assert {account_id for call in enabled for account_id in call.params["accountIds"]} == set(many[:3])


def test_one_cell_is_opened_below_its_row_and_activated_from_there(open_page, many):
    page = open_page(LIST + "?q=account-004")
    page.evaluate("window.notReloaded = true")
    cell = page.locator("a[href$=scan-LAMBDA_CODE]")
    cell.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="account-004 by Region")).to_be_visible()
    expect(cell).to_have_attribute("aria-expanded", "true")
    assert page.url.endswith("?q=account-004"), "the address is still that of the list"
    cell.click()
    expect(page.get_by_role("heading", name="account-004 by Region")).to_have_count(0)
    cell.click()
    page.get_by_role("button", name="Close").click()
    expect(page.get_by_role("heading", name="account-004 by Region")).to_have_count(0)
    expect(cell).to_be_focused()
    cell.click()
    assert page.evaluate("window.notReloaded")
    assert Axe().run(page).response["violations"] == []
    page.get_by_role("button", name="Activate Lambda code in eu-west-1").click()
    expect(page.get_by_role("button", name="Activate 1 in 1 account")).to_be_visible()
    expect(page.get_by_text("1 × Lambda code in eu-west-1")).to_be_visible()


def test_what_is_selected_stays_so_on_other_pages_and_is_in_sight(open_page, many):
    page = open_page(LIST + "?q=account&per=25")
    bar = page.locator("#selection")
    page.evaluate("window.notReloaded = true")
    select(page, "account-000").check()
    select(page, "account-001").check()
    expect(bar).to_contain_text("2 selected")
    assert page.url.endswith("?q=account&per=25"), "a selected account is no filter"
    expect(bar).to_be_in_viewport()
    page.get_by_role("link", name="Next").click()
    expect(select(page, "account-029")).to_be_visible()
    select(page, "account-029").check()
    expect(bar).to_contain_text("3 selected, 2 of them not shown here")
    page.get_by_role("link", name="Previous").click()
    expect(select(page, "account-000")).to_be_checked()
    expect(bar).to_contain_text("3 selected, 1 of them not shown here")
    select(page, "account-001").uncheck()
    assert page.evaluate("window.notReloaded")
    bar.get_by_role("button", name="Activate…", exact=True).click()
    expect(page.get_by_text("2 accounts. Nothing is changed before you confirm it.")).to_be_visible()
    assert page.locator("form input[name=accounts]").first.get_attribute("value") == f"{many[0]},{many[29]}"


def test_a_whole_page_is_selected_and_let_go_again(open_page, many):
    page = open_page(LIST + "?q=account&per=25")
    page.get_by_role("checkbox", name="This page").check()
    expect(page.locator("#selection")).to_contain_text("25 selected")
    page.get_by_role("button", name="Clear", exact=True).click()
    expect(select(page, "account-000")).not_to_be_checked()
    expect(page.locator("#selection")).to_contain_text("or the selected accounts:")


def test_without_script_the_same_is_done_by_links_and_forms(open_page, many):
    page = open_page(LIST + "?q=account-004", java_script_enabled=False)
    page.locator("a[href$=scan-LAMBDA_CODE]").click()
    assert page.url.endswith(f"/accounts/{many[4]}/#scan-LAMBDA_CODE")
    page.get_by_role("button", name="Activate Lambda code in 2 Regions").click()
    page.get_by_role("button", name="Activate 2 in 1 account").click()
    expect(page.get_by_text("0 of 2 settled")).to_be_visible()


def test_a_page_that_follows_a_request_leaves_the_button_under_the_hand(open_page, many, viewer):
    made = activating.ask(viewer, activating.wish(*many[:4], regions=REGIONS))
    page = open_page(f"/activation/{made.pk}/")
    button = page.get_by_role("button", name="Give up what was not sent")
    button.focus()
    page.evaluate("document.querySelector('#give-up').marked = true")
    asked = []
    page.on("response", lambda response: asked.append(response.status) if "shown=" in response.url else None)
    page.wait_for_timeout(3500)
    assert asked[:1] == [204], "nothing differs, so nothing is replaced"
    item = made.items.order_by("pk")[0]
    item.state, item.status = ItemState.DONE, "ENABLED"
    item.save()
    expect(page.get_by_text("1 of 8 settled")).to_be_visible()
    assert page.evaluate("document.querySelector('#give-up').marked"), "it is still the same button"
    expect(button).to_be_focused()
    ActivationItem.objects.filter(request=made).exclude(pk=item.pk).update(state=ItemState.SENT)
    expect(page.get_by_text(re.compile("AWS is working on it 7"))).to_be_visible()
    expect(button).to_have_count(0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_of_activation_has_a_violation_of_accessibility(open_page, many, viewer, scheme):
    made = activating.ask(viewer, activating.wish(*many[:2], regions=REGIONS))
    page = open_page(LIST, color_scheme=scheme)
    select(page, "account-000").check()
    found = {}
    for path in (LIST, f"/accounts/{many[0]}/", f"/accounts/{many[9]}/", f"/activation/{made.pk}/", "/activation/"):
        if path != LIST:
            page.goto(path)
        violations = Axe().run(page).response["violations"]
        found[path] = [(one["id"], node["html"], node["failureSummary"]) for one in violations for node in one["nodes"]]
    assert {path: violations for path, violations in found.items() if violations} == {}
