"""The pages in a browser: with script and without, light and dark, on a phone and on a wide screen."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.utils import timezone
from playwright.sync_api import expect

from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)

INSTANCES = "/coverage/instances/"


@pytest.fixture
def rows(live_server):
    """Something of everything: scanned or not, old, missing, with findings and long names."""
    now = timezone.now()
    factories.read(age=timedelta(minutes=4))
    factories.read(factories.OTHER_REGION, age=timedelta(minutes=40))
    factories.fail("coverage", factories.OTHER_REGION, "AWS_EC2_INSTANCE")
    for number in range(30):
        factories.instance(f"fine-{number:02}", tags={"Env": "prod", "Team": "blue"}, scanned=now)
    broken = factories.unmanaged_instance("broken", scanned=now - timedelta(days=9), missing_since=now)
    factories.instance(
        "a-very-long-name-" * 12,
        tags={"InspectorEc2Exclusion": "true", "k" * 100: "v" * 200},
        code="INACTIVE",
        reason="EXCLUDED_BY_TAG",
        region=factories.OTHER_REGION,
    )
    repository = factories.repository("shop/web")
    image = factories.image("shop/web", tags=["v1"], scanned=now)
    function = factories.function("resize", scanned=now)
    factories.function("resize", scan_type="CODE", code="INACTIVE", reason="UNSUPPORTED_RUNTIME")
    for severity in ("CRITICAL", "HIGH", "MEDIUM", "LOW", "INFORMATIONAL"):
        found = factories.finding(broken, severity)
        factories.finding(image, severity)
    described = {
        "id": function.resource_id,
        "details": {"awsLambdaFunction": {"codeSha256": "9" * 64, "layers": ["a" * 80]}},
    }
    deep = factories.finding(function, resources=[described])
    steps = [{"componentType": "AWS::EC2::InternetGateway", "componentId": "igw-" + "1" * 17}]
    reachable = {"openPortRange": {"begin": 22, "end": 22}, "protocol": "TCP", "networkPath": {"steps": steps}}
    network = factories.finding(
        broken, type="NETWORK_REACHABILITY", inspectorScore=None, networkReachabilityDetails=reachable
    )
    project = {"projectName": "shop/web", "providerType": "GITHUB", "lastScannedCommitId": "0" * 40}
    factories.resource("CODE_REPOSITORY", "p-1", scan_type="CODE", metadata={"codeRepository": project}, scanned=now)
    factories.run(factories.scope("coverage", "us-east-1", "AWS_EC2_INSTANCE"), read=1415)
    for region in (factories.REGION, factories.OTHER_REGION):
        factories.administered(region)
        factories.scan_types(factories.PAYMENTS, region, LAMBDA_CODE="DISABLED")
    factories.scan_types(factories.SEARCH, factories.OTHER_REGION, ECR="DISABLED")
    factories.account("777788889999", "sandbox", state="SUSPENDED")
    return {
        "accounts": "/coverage/accounts/",
        "accounts with something off": "/coverage/accounts/?group=something-off&q=prod",
        "account": f"/accounts/{factories.PAYMENTS}/",
        "instances": INSTANCES + "?group=not-scanning&about=unmanaged-ec2-instance&q=broken",
        "all instances": INSTANCES,
        "repositories": "/coverage/repositories/",
        "images": "/coverage/images/",
        "lambda": "/coverage/lambda/",
        "code repositories": "/coverage/code-repositories/",
        "empty list": "/coverage/machine-images/",
        "instance": broken.get_absolute_url(),
        "repository": repository.get_absolute_url(),
        "image": image.get_absolute_url(),
        "function": function.get_absolute_url(),
        "finding": found.get_absolute_url(),
        "deep finding": deep.get_absolute_url(),
        "network finding": network.get_absolute_url(),
        "sync": "/sync/",
        "login": "/login/",
    }


def test_a_group_is_switched_in_place_and_back_leads_back(open_page, rows):
    page = open_page(INSTANCES)
    page.evaluate("window.notReloaded = true")
    page.get_by_role("link", name="Not scanning 2").click()
    expect(page.get_by_role("columnheader", name="Reason")).to_be_visible()
    assert page.url.endswith(INSTANCES + "?group=not-scanning")
    assert page.evaluate("window.notReloaded")
    expect(page.get_by_role("link", name="Not scanning 2")).to_have_attribute("aria-current", "page")
    page.get_by_role("link", name="Images", exact=True).click()
    expect(page).to_have_title("Images · Inspector coverage")
    assert page.url.endswith("/coverage/images/")
    page.go_back()
    expect(page.get_by_role("columnheader", name="Reason")).to_be_visible()
    expect(page.locator("header.bar")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("columnheader", name="Status")).to_be_visible()
    page.reload()
    expect(page.locator("header.bar")).to_be_visible()


def test_choices_are_applied_as_they_are_made_and_the_list_of_choices_stays_open(open_page, rows):
    page = open_page(INSTANCES)
    page.locator("#picker-status summary").click()
    page.get_by_role("checkbox", name="Unmanaged EC2 instance").check()
    expect(page.locator(".token")).to_have_count(1)
    assert page.url.endswith(INSTANCES + "?status=unmanaged-ec2-instance")
    page.get_by_role("checkbox", name="Excluded by tag").check()
    expect(page.locator(".token")).to_have_count(2)
    expect(page.locator("tbody tr")).to_have_count(2)
    page.keyboard.press("Escape")
    page.locator("#picker-region summary").click()
    page.get_by_label("eu-west-1").check()
    expect(page.locator("tbody tr")).to_have_count(1)
    page.get_by_role("link", name="Clear", exact=True).click()
    expect(page.locator("tbody tr")).to_have_count(32)


def test_accounts_are_narrowed_sorted_and_opened_in_place(open_page, rows):
    page = open_page("/coverage/accounts/")
    page.evaluate("window.notReloaded = true")
    expect(page.locator("tbody tr")).to_have_count(3)
    page.get_by_role("link", name="Something off").click()
    expect(page.locator("tbody tr")).to_have_count(2)
    page.locator("th a", has_text=re.compile("^id$")).click()
    expect(page.locator("th[aria-sort] a.current", has_text=re.compile("^id$"))).to_be_visible()
    expect(page.locator("tbody tr").first).to_contain_text(factories.PAYMENTS)
    page.locator("#picker-scan_type summary").click()
    page.get_by_role("checkbox", name="ECR").check()
    page.locator("#picker-status summary").click()
    page.get_by_role("checkbox", name="Deactivated").check()
    expect(page.locator("tbody tr")).to_have_count(1)
    assert page.evaluate("window.notReloaded")
    page.wait_for_load_state("networkidle")
    page.get_by_role("link", name="search-prod").click()
    expect(page.get_by_role("heading", name="search-prod")).to_be_visible()
    page.go_back()
    expect(page.locator("tbody tr")).to_have_count(1)


def test_a_name_is_looked_for_with_enter_and_a_page_size_is_kept(open_page, rows):
    page = open_page(INSTANCES)
    page.get_by_label("Name or id").fill("fine")
    page.get_by_label("Name or id").press("Enter")
    expect(page.locator("tbody tr")).to_have_count(30)
    page.get_by_label("Rows a page").select_option("25")
    expect(page.locator("tbody tr")).to_have_count(25)
    page.get_by_role("link", name="Next").click()
    expect(page.locator("tbody tr")).to_have_count(5)
    expect(page).to_have_url(re.compile(r"\?q=fine&after=[\w-]+&per=25$"))


def test_what_to_do_opens_beside_the_list_with_the_keyboard(open_page, rows):
    page = open_page(INSTANCES + "?group=not-scanning")
    page.evaluate("window.notReloaded = true")
    page.get_by_role("link", name="What to do: Unmanaged EC2 instance").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("complementary")).to_contain_text("AWSSupport-TroubleshootManagedInstance")
    expect(page.get_by_role("heading", name="Unmanaged EC2 instance")).to_be_focused()
    assert "about=unmanaged-ec2-instance" in page.url
    assert page.evaluate("window.notReloaded")
    marked = page.locator("tbody tr", has=page.locator(".about[aria-current]"))
    expect(marked).to_have_count(1)
    page.keyboard.press("Escape")
    expect(page.get_by_role("complementary")).to_have_count(0)
    expect(marked).to_have_count(0)
    expect(page.get_by_role("link", name="What to do: Unmanaged EC2 instance")).to_be_focused()
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Close").click()
    expect(page.get_by_role("complementary")).to_have_count(0)


def test_a_row_takes_two_lines_and_no_column_is_out_of_sight(open_page, rows):
    page = open_page(INSTANCES + "?group=not-scanning&about=unmanaged-ec2-instance")
    for address in (page.url, INSTANCES, "/coverage/images/", "/coverage/lambda/", "/coverage/repositories/"):
        page.goto(address)
        widths = page.locator(".lists .scroll").evaluate_all("lists => lists.map(l => l.scrollWidth - l.clientWidth)")
        assert max(widths) <= 0, address
        heights = page.locator(".lists tbody tr").evaluate_all("rows => rows.map(row => row.offsetHeight)")
        assert max(heights) <= 65, address


def test_a_definition_shows_on_hover_and_on_focus(open_page, rows):
    page = open_page(INSTANCES)
    tile = page.locator(".stat", has_text="instances not scanning")
    expect(tile.get_by_role("tooltip")).to_be_hidden()
    tile.hover()
    expect(tile.get_by_role("tooltip")).to_be_visible()
    page.mouse.move(0, 0)
    expect(tile.get_by_role("tooltip")).to_be_hidden()
    tile.get_by_role("link").focus()
    expect(tile.get_by_role("tooltip")).to_be_visible()


def test_a_fragment_after_the_session_ended_leads_to_the_login_and_back(open_page, rows, viewer):
    page = open_page(INSTANCES)
    page.context.clear_cookies()
    page.get_by_role("link", name="Not scanning 2").click()
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()
    page.get_by_label("Name").fill(viewer.username)
    page.get_by_label("Password").fill(factories.PASSWORD)
    page.get_by_role("button", name="Log in", exact=True).click()
    expect(page.get_by_role("heading", name="Account management")).to_be_visible()
    assert page.url.endswith(INSTANCES)


def test_everything_works_without_script(open_page, rows):
    page = open_page(INSTANCES, java_script_enabled=False)
    page.get_by_role("link", name="Not scanning 2").click()
    expect(page.locator("th", has_text="Reason")).to_have_count(1)
    page.get_by_role("link", name="What to do: Unmanaged EC2 instance").click()
    expect(page.get_by_role("complementary")).to_contain_text("AWSSupport-TroubleshootManagedInstance")
    page.locator("#picker-status summary").click()
    page.get_by_role("checkbox", name="Unmanaged EC2 instance").check()
    page.locator("#picker-status").get_by_role("button", name="Apply").click()
    expect(page.locator("tbody tr")).to_have_count(1)
    page.get_by_role("link", name="broken").click()
    expect(page.get_by_role("heading", name="broken")).to_be_visible()
    expect(page.get_by_role("button", name="Copy link")).to_have_count(0)
    page.locator(".menu summary").click()
    page.get_by_role("button", name="Dark").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.locator(".menu summary").click()
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()


def test_the_sync_page_follows_by_itself(open_page, rows):
    scope = factories.scope("findings", "us-east-1", lease_until=timezone.now() + timedelta(minutes=1))
    run = factories.run(scope, outcome="running", ended_at=None, read=100, expected=900)
    page = open_page("/sync/")
    expect(page.get_by_text("Reading: 100 of 900 rows")).to_be_visible()
    run.read = 800
    run.save()
    expect(page.get_by_text("Reading: 800 of 900 rows")).to_be_visible()
    run.ended_at, run.outcome = timezone.now(), "complete"
    run.save()
    scope.lease_until = None
    scope.save()
    expect(page.get_by_text("Reading:")).to_have_count(0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_has_a_violation_of_accessibility(open_page, rows, scheme):
    found = {}
    page = open_page("/login/", color_scheme=scheme)
    for name, path in rows.items():
        page.goto(path)
        violations = Axe().run(page).response["violations"]
        found[name] = [(one["id"], node["html"], node["failureSummary"]) for one in violations for node in one["nodes"]]
    assert {name: violations for name, violations in found.items() if violations} == {}


@pytest.mark.parametrize("width", [360, 768, 1500])
def test_no_page_scrolls_sideways(open_page, rows, width):
    page = open_page("/login/", width=width)
    too_wide = {}
    for name, path in rows.items():
        page.goto(path)
        if (wide := page.evaluate("document.documentElement.scrollWidth")) > width:
            too_wide[name] = wide
    assert too_wide == {}
