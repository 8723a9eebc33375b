"""The pages of settings: what is set, what a change would do, the click, and how a request goes on."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from django.utils import timezone

from accounts.choices import Event, ItemState, Setting
from accounts.models import (
    AuditEvent,
    OrganizationSettings,
    OrganizationSettingsChange,
    RegionalAccount,
    SettingsRequest,
)
from tests import factories
from tests.factories import OTHER_REGION, PAYMENTS, REGION, SEARCH
from tests.reading import read

pytestmark = pytest.mark.django_db

SETTINGS, CHANGE, CONFIRM = "/settings/", "/settings/change/", "/settings/confirm/"
AUTOMATIC = {"setting": "automatic_activation", "region": REGION}
CONFIGURATION = {
    "ec2Configuration": {"scanModeState": {"scanMode": "EC2_HYBRID", "scanModeStatus": "SUCCESS"}},
    "ecrConfiguration": {
        "rescanDurationState": {
            "rescanDuration": "LIFETIME",
            "pullDateRescanDuration": "DAYS_90",
            "pullDateRescanMode": "LAST_PULL_DATE",
            "status": "SUCCESS",
        }
    },
}


@pytest.fixture(autouse=True)
def changing(settings: Any) -> None:
    settings.COVERAGE_READ_ONLY = False
    settings.COVERAGE_WRITE_ROLE_ARN = "arn:aws:iam::999988887777:role/coverage-writer"
    settings.COVERAGE_ALLOW_DEACTIVATION = True


@pytest.fixture
def known() -> None:
    """Two members in two Regions and the settings, read as the delegated administrator."""
    factories.administered()
    on = {"ec2": True, "ecr": False, "lambda": True, "lambdaCode": False, "codeRepository": False, "ami": True}
    for region in (REGION, OTHER_REGION):
        OrganizationSettings.objects.create(region=region, auto_enable=on, configuration=CONFIGURATION)
        for account_id in (PAYMENTS, SEARCH):
            factories.scan_types(account_id, region)
    RegionalAccount.objects.update(
        configuration=CONFIGURATION, deep_inspection="ACTIVATED", settings_read_at=timezone.now()
    )


@pytest.fixture
def admin(delegated_admin, as_person):
    return as_person(delegated_admin)


def hidden(page: Any) -> dict[str, list[str]]:
    """The hidden fields of the form that confirms."""
    form = re.search(rf'action="{CONFIRM}".*?</form>', page.html, re.DOTALL)
    assert form, f"there is nothing to confirm: {page.text}"
    found: dict[str, list[str]] = {}
    for name, value in re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form[0]):
        found.setdefault(name, []).append(html.unescape(value))
    found.pop("csrfmiddlewaretoken", None)
    return found


def test_the_settings_are_told_region_by_region(admin, known):
    page = read(admin.get(SETTINGS))
    assert "EC2: on" in page.text
    assert "Machine images: on" in page.text
    assert "EC2 scan mode: Hybrid (agent-based and agentless)" in page.text
    assert "Scanned again after the push for: Lifetime" in page.text
    assert page.html.count("Change…") == 6
    OrganizationSettings.objects.filter(region=REGION).update(max_account_limit_reached=True)
    assert "Member limit reached" in read(admin.get(SETTINGS)).text


def test_the_history_is_in_words(admin, known):
    for setting, old, new in (
        ("auto_enable.codeRepository", "False", "True"),
        ("ecrConfiguration.rescanDurationState.rescanDuration", "LIFETIME", "DAYS_30"),
        ("ecrConfiguration.rescanDurationState.updatedAt", "1", "2"),
    ):
        OrganizationSettingsChange.objects.create(
            region=REGION, setting=setting, from_value=old, to_value=new, at=timezone.now()
        )
    page = read(admin.get(SETTINGS))
    assert "New members start with Code repositories in us-east-1: no → yes" in page.text
    assert "ECR re-scan after the push in us-east-1: Lifetime → 30 days" in page.text
    assert "updatedAt" not in page.text


@pytest.mark.parametrize("role", ["viewer", "account_viewer", "site_admin"])
def test_others_are_offered_no_change(known, as_person, role):
    client = as_person(factories.person("somebody", role=role, accounts=[PAYMENTS]))
    assert "Change…" not in read(client.get(SETTINGS)).text
    assert "Disassociate…" not in read(client.get(f"/accounts/{PAYMENTS}/")).text


def test_the_form_says_what_it_does_and_shows_what_is_so(admin, known):
    page = read(admin.get(CHANGE, AUTOMATIC))
    assert "Accounts that are members already are not changed" in page.text
    assert re.findall(r'name="on" value="(\w+)" checked', page.html) == ["ec2", "lambda"]
    assert "Machine images: on, as AWS reports it" in page.text
    assert 'value="ami"' not in page.html


def test_automatic_activation_is_changed_from_the_form_to_the_request(admin, known, delegated_admin):
    page = read(admin.get(CHANGE, {**AUTOMATIC, "chosen": "1", "on": ["ec2", "ecr"]}))
    assert "ECR off on" in page.text
    assert "Machine images on as it is" in page.text
    assert "New members start without Lambda standard" in page.text
    assert not SettingsRequest.objects.exists(), "a page that is looked at changes nothing"
    response = admin.post(CONFIRM, {**hidden(page), "reason": "because"})
    made = SettingsRequest.objects.get()
    assert response.url == f"/settings/{made.pk}/"
    assert made.wanted == {"ec2": True, "ecr": True, "lambda": False, "lambdaCode": False, "codeRepository": False}
    assert made.before["ami"] is True
    event = AuditEvent.objects.get(event=Event.REQUESTED)
    assert (event.actor, event.reason, event.region) == (delegated_admin.username, "because", REGION)
    assert "ECR: off" in event.from_value
    assert "ECR: on" in event.to_value
    shown = read(admin.get(response.url))
    assert "ECR off → on" in shown.text
    assert "EC2 on →" not in shown.text, "what stays as it is, is not told"
    assert 'hx-trigger="every 3s"' in shown.html
    listed = read(admin.get("/activation/"))
    assert "Automatic activation us-east-1 The organization" in listed.text


def test_the_same_form_again_leads_to_the_same_request(admin, known):
    page = read(admin.get(CHANGE, {**AUTOMATIC, "chosen": "1", "on": "ec2"}))
    first, second = (admin.post(CONFIRM, hidden(page)) for _ in range(2))
    assert first.url == second.url
    assert SettingsRequest.objects.count() == 1


def test_a_form_that_was_overtaken_shows_what_is_so_now(admin, known):
    page = read(admin.get(CHANGE, {**AUTOMATIC, "chosen": "1", "on": "ec2"}))
    OrganizationSettings.objects.filter(region=REGION).update(auto_enable={"ec2": False, "ecr": True})
    again = read(admin.post(CONFIRM, hidden(page)), 409)
    assert "Something changed since you looked" in again.text
    assert not SettingsRequest.objects.exists()


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"setting": "nonsense", "region": REGION}, "setting"),
        ({"setting": "automatic_activation", "region": "mars-1"}, "Choose a Region that is read here"),
        ({"setting": "disassociate", "region": REGION}, "Name the account"),
        ({**AUTOMATIC, "account": PAYMENTS}, "set for the organization"),
        ({**AUTOMATIC, "chosen": "1", "on": "ami"}, "no scan type that can be activated"),
        ({**AUTOMATIC, "chosen": "1", "on": "lambdaCode"}, "needs Lambda standard"),
        ({"setting": "ec2_scan_mode", "region": REGION, "chosen": "1", "scanMode": "x"}, "Choose one of"),
        ({"setting": "ec2_scan_mode", "region": REGION, "chosen": "1", "scanMode": "INHERIT_FROM_ADMIN"}, "Choose one"),
    ],
)
def test_what_is_not_understood_is_refused_in_words(admin, known, asked, words):
    assert words in read(admin.get(CHANGE, asked), 400).text


def test_the_scan_mode_and_the_durations_have_forms(admin, known):
    page = read(admin.get(CHANGE, {"setting": "ec2_scan_mode", "region": REGION}))
    assert '<option value="EC2_HYBRID" selected>' in page.html
    assert "As the administrator" not in page.text
    seen = read(
        admin.get(
            CHANGE, {"setting": "ec2_scan_mode", "region": REGION, "chosen": "1", "scanMode": "EC2_SSM_AGENT_BASED"}
        )
    )
    assert "Instances without the SSM agent are not scanned any more" in seen.text
    durations = {
        "rescanDuration": "DAYS_30",
        "pullDateRescanDuration": "DAYS_90",
        "pullDateRescanMode": "LAST_PULL_DATE",
    }
    seen = read(admin.get(CHANGE, {"setting": "ecr_durations", "region": REGION, "chosen": "1", **durations}))
    assert "Scanned again after the push for Lifetime 30 days" in seen.text
    assert "are not scanned any more" in seen.text
    admin.post(CONFIRM, hidden(seen))
    assert SettingsRequest.objects.get().wanted == durations


def test_a_member_may_follow_the_administrator(admin, known):
    asked = {"setting": "ec2_scan_mode", "region": REGION, "account": PAYMENTS}
    assert "As the administrator" in read(admin.get(CHANGE, asked)).text
    seen = read(admin.get(CHANGE, {**asked, "chosen": "1", "scanMode": "INHERIT_FROM_ADMIN"}))
    admin.post(CONFIRM, hidden(seen))
    assert SettingsRequest.objects.get().wanted == {"scanMode": "INHERIT_FROM_ADMIN"}


def test_an_account_shows_its_settings_and_where_they_are_changed(admin, known):
    page = read(admin.get(f"/accounts/{PAYMENTS}/"))
    assert "us-east-1 Member Disassociate… Hybrid (agent-based and agentless) Change…" in page.text
    assert "Activated Change…" in page.text
    RegionalAccount.objects.filter(account_id=PAYMENTS, region=REGION).update(relationship_status="REMOVED", status="")
    assert "us-east-1 Removed Associate…" in read(admin.get(f"/accounts/{PAYMENTS}/")).text


def test_disassociating_tells_what_is_lost_and_wants_a_reason_and_the_word(admin, known):
    page = read(admin.get(CHANGE, {"setting": "disassociate", "region": REGION, "account": PAYMENTS}))
    assert "no longer sees its coverage and findings" in page.text
    assert "Its scan types stay as they are" in page.text
    fields = hidden(page)
    assert "Type the word" in read(admin.post(CONFIRM, {**fields, "reason": "sold"}), 400).text
    assert "Say why" in read(admin.post(CONFIRM, {**fields, "typed": "disassociate"}), 400).text
    assert not SettingsRequest.objects.exists()
    admin.post(CONFIRM, {**fields, "reason": "sold", "typed": "disassociate"})
    assert SettingsRequest.objects.get().setting == Setting.DISASSOCIATE


def test_deep_inspection_is_switched_from_the_account(admin, known):
    page = read(admin.get(f"/accounts/{PAYMENTS}/"))
    address = re.search(r'href="(/settings/change/\?setting=deep_inspection[^"]*)"', page.html)
    assert address
    seen = read(admin.get(html.unescape(address[1])))
    assert "Deep inspection Activated Deactivated" in seen.text
    assert "Type deactivate to confirm" in seen.text


def test_the_reason_why_not_is_told_on_the_pages(admin, known, settings):
    settings.COVERAGE_READ_ONLY = True
    assert "only reads" in read(admin.get(SETTINGS)).text
    assert "only reads" in read(admin.get(f"/accounts/{PAYMENTS}/")).text
    page = read(admin.get(CHANGE, {**AUTOMATIC, "chosen": "1", "on": "ec2"}))
    assert "only reads" in page.text
    assert f'action="{CONFIRM}"' not in page.html


def test_what_was_never_read_cannot_be_changed(admin):
    factories.administered()
    assert "was not read yet" in read(admin.get(CHANGE, AUTOMATIC)).text
    assert "Not read yet" in read(admin.get(CHANGE, {**AUTOMATIC, "chosen": "1", "on": "ec2"})).text


def test_a_request_is_given_up_on_its_page_and_asks_no_more(admin, known):
    page = read(admin.get(CHANGE, {**AUTOMATIC, "chosen": "1", "on": "ec2"}))
    address = admin.post(CONFIRM, hidden(page)).url
    admin.post(f"{address}cancel/")
    shown = read(admin.get(address))
    assert "Cancelled" in shown.text
    assert "every 3s" not in shown.html
    assert "too late" in read(admin.post(f"{address}cancel/"), 400).text


def test_a_second_person_agrees_on_the_page(admin, known, settings, as_person):
    settings.COVERAGE_SECOND_PERSON = True
    page = read(admin.get(CHANGE, {**AUTOMATIC, "chosen": "1", "on": "ec2"}))
    assert "A second delegated admin has to agree" in page.text
    address = admin.post(CONFIRM, hidden(page)).url
    assert "Agree" not in read(admin.get(address)).text
    second = as_person(factories.person("second", role="delegated_admin", all_accounts=True))
    assert "Agree" in read(second.get(address)).text
    second.post(f"{address}approve/")
    assert "second agreed" in read(admin.get(address)).text


def test_a_request_of_the_organization_is_for_those_who_see_all_accounts(admin, known, as_person):
    page = read(admin.get(CHANGE, {**AUTOMATIC, "chosen": "1", "on": "ec2"}))
    address = admin.post(CONFIRM, hidden(page)).url
    partly = as_person(factories.person("partly", role="delegated_admin", accounts=[PAYMENTS]))
    assert partly.get(address).status_code == 404
    assert partly.get(CHANGE, AUTOMATIC).status_code == 403
    assert "Automatic activation us-east-1" not in read(partly.get("/activation/")).text


def test_aws_words_are_text(admin, known):
    page = read(admin.get(CHANGE, {**AUTOMATIC, "chosen": "1", "on": "ec2"}))
    address = admin.post(CONFIRM, hidden(page)).url
    SettingsRequest.objects.update(state=ItemState.REFUSED, error_code="NO", error_message="<b>no</b>")
    assert "NO: <b>no</b>" in read(admin.get(address)).text


def test_the_number_of_queries_does_not_depend_on_the_regions(admin, known, django_assert_max_num_queries, settings):
    admin.get(SETTINGS)
    with django_assert_max_num_queries(14):
        admin.get(SETTINGS)
