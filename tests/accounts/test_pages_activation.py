"""The pages of activation: from the list of accounts through the preview and the click to a settled request."""

from __future__ import annotations

import re
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.activation import requests
from accounts.activation.allowed import Refused
from accounts.activation.items import settle
from accounts.activation.preview import Wish, preview
from accounts.activation.scripts import as_commands
from accounts.choices import Action, Event, ItemState
from accounts.models import ActivationItem, ActivationRequest, AuditEvent, AwsAccount, ScanTypeStatus
from aws.choices import CallerKind
from tests import factories
from tests.factories import OTHER_REGION, PAYMENTS, REGION, SEARCH
from tests.reading import read

pytestmark = pytest.mark.django_db

LIST = "/coverage/accounts/"
PREVIEW, CONFIRM = "/activation/preview/", "/activation/confirm/"
EVERY_ROUTE = [
    ("post", PREVIEW),
    ("post", CONFIRM),
    ("get", "/activation/"),
    ("get", "/activation/{n}/"),
    ("post", "/activation/{n}/approve/"),
    ("post", "/activation/{n}/cancel/"),
    ("post", "/activation/{n}/retry/"),
]


@pytest.fixture(autouse=True)
def changing(settings: Any) -> None:
    settings.COVERAGE_READ_ONLY = False
    settings.COVERAGE_WRITE_ROLE_ARN = "arn:aws:iam::999988887777:role/coverage-writer"
    settings.COVERAGE_ALLOW_DEACTIVATION = True


@pytest.fixture
def accounts() -> None:
    """Two members in two Regions, Lambda code off in both; read as the delegated administrator."""
    factories.administered()
    for region in (REGION, OTHER_REGION):
        for account_id in (PAYMENTS, SEARCH):
            factories.scan_types(account_id, region, LAMBDA_CODE="DISABLED")


@pytest.fixture
def admin(delegated_admin, as_person):
    return as_person(delegated_admin)


def chosen(*account_ids: str, **more: Any) -> dict[str, Any]:
    return {
        "action": "activate",
        "account": list(account_ids),
        "scan_type": ["LAMBDA_CODE"],
        "region": [REGION],
        **more,
    }


def hidden(page: Any) -> dict[str, list[str]]:
    """The hidden fields of the form that confirms."""
    form = re.search(rf'action="{CONFIRM}".*?</form>', page.html, re.DOTALL)
    assert form, "there is nothing to confirm"
    found: dict[str, list[str]] = {}
    for name, value in re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form[0]):
        found.setdefault(name, []).append(value)
    found.pop("csrfmiddlewaretoken", None)
    return found


def confirmed(client: Any, *account_ids: str, more: dict[str, Any] | None = None, **wish: Any) -> Any:
    page = read(client.post(PREVIEW, chosen(*account_ids, **wish)))
    return client.post(CONFIRM, {**hidden(page), **(more or {})})


# --- The list


def test_a_delegated_admin_chooses_accounts_on_the_list(admin, accounts):
    page = read(admin.get(LIST))
    assert f'name="account" value="{PAYMENTS}" form="selection"' in page.html
    assert "Activate…" in page.text
    assert "Deactivate…" in page.text
    assert "All 2 that match" in page.text


@pytest.mark.parametrize("role", ["viewer", "account_viewer", "site_admin"])
def test_others_are_offered_nothing_to_change(accounts, as_person, role):
    page = read(as_person(factories.person("somebody", role=role, accounts=[PAYMENTS])).get(LIST))
    assert 'form="selection"' not in page.html
    assert "Activate…" not in page.text


# --- One cell, one account


ACCOUNT = f"/accounts/{PAYMENTS}/"
HTMX = {"HX-Request": "true"}


def offered(page: Any) -> list[str]:
    """What the buttons of the cells ask for."""
    return re.findall(r'name="cell" value="([^"]+)"', page.html)


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_a_cell_offers_what_can_be_done_and_leads_to_the_preview(admin, accounts, headers):
    page = read(admin.get(ACCOUNT, headers=headers))
    assert f"activate LAMBDA_CODE {REGION}" in offered(page)
    assert f"deactivate EC2 {REGION}" in offered(page)
    assert f"activate EC2 {REGION}" not in offered(page)
    assert "activate LAMBDA_CODE" in offered(page), "in all Regions at once"
    assert f'<form id="ask-{PAYMENTS}" method="post" action="{PREVIEW}">' in page.html
    preview = read(admin.post(PREVIEW, {"account": PAYMENTS, "cell": f"activate LAMBDA_CODE {REGION}"}))
    assert "Activate 1 in 1 account" in preview.text
    assert "1 × Lambda code in us-east-1" in preview.text
    both = read(admin.post(PREVIEW, {"account": PAYMENTS, "cell": "activate LAMBDA_CODE"}))
    assert "Activate 2 in 1 account" in both.text
    assert not ActivationRequest.objects.exists()


@pytest.mark.parametrize(
    "cell", ["destroy EC2 us-east-1", "activate", "activate EC3", "activate EC2 mars-1", " ", "x" * 99]
)
def test_a_cell_that_is_none_is_refused_or_asks_on(admin, accounts, cell):
    response = admin.post(PREVIEW, {"account": PAYMENTS, "cell": cell})
    assert response.status_code == (200 if cell == "activate" else 400)
    assert not ActivationRequest.objects.exists()


@pytest.mark.parametrize("role", ["viewer", "account_viewer", "site_admin"])
def test_others_are_told_once_why_cells_offer_nothing(accounts, as_person, role):
    page = read(as_person(factories.person("somebody", role=role, accounts=[PAYMENTS])).get(ACCOUNT))
    assert offered(page) == []
    assert "Activate…" not in page.text
    assert page.text.count("Only delegated admins activate and deactivate scan types.") == 1


def test_an_installation_that_only_reads_says_so_once_and_offers_the_plan(admin, accounts, settings):
    settings.COVERAGE_READ_ONLY = True
    page = read(admin.get(ACCOUNT))
    assert offered(page) == []
    assert page.text.count("This installation only reads") == 1
    assert "Activate…" in page.text


def test_what_is_being_changed_is_offered_no_more_and_says_by_which_request(admin, accounts):
    confirmed(admin, PAYMENTS)
    made = ActivationRequest.objects.get()
    page = read(admin.get(ACCOUNT))
    assert f"activate LAMBDA_CODE {REGION}" not in offered(page)
    assert f"Lambda code in us-east-1: Request {made.pk} is changing it." in page.text


def test_a_foreign_account_offers_nothing_and_cannot_be_named(accounts, as_person):
    partly = as_person(factories.person("partly", role="delegated_admin", accounts=[SEARCH]))
    assert partly.get(ACCOUNT, headers=HTMX).status_code == 404
    assert partly.post(PREVIEW, {"account": PAYMENTS, "cell": f"activate LAMBDA_CODE {REGION}"}).status_code == 400


# --- Locked by an organization policy


def refused_by_a_policy(client: Any) -> ActivationRequest:
    confirmed(client, PAYMENTS)
    made = ActivationRequest.objects.get()
    settle(made.items.get(), ItemState.REFUSED, code="BLOCKED_BY_ORGANIZATION_POLICY", message="A policy manages it")
    return made


def test_what_a_policy_refused_is_locked_wherever_the_cell_appears(admin, accounts):
    made = refused_by_a_policy(admin)
    listed = read(admin.get(f"{LIST}?account={PAYMENTS}"))
    assert listed.column("Lambda code") == ["Deactivated locked by a policy"]
    page = read(admin.get(ACCOUNT))
    (cell,) = [row[REGION] for row in page.tables[0] if row["Scan type"].startswith("Lambda code")]
    assert "Locked by an organization policy: AWS refused a change on" in cell
    assert "Whoever keeps that policy in AWS Organizations can change it." in cell
    assert page.links[f"Request {made.pk}"] == f"/activation/{made.pk}/"
    assert f"activate LAMBDA_CODE {REGION}" not in offered(page)
    shown = read(admin.get(f"{LIST}?status=LOCKED"))
    assert [cell.split()[-1] for cell in shown.column("Account id")] == [PAYMENTS]
    assert read(admin.get(f"{LIST}?status=LOCKED&scan_type=EC2")).rows == []
    preview_page = read(admin.post(PREVIEW, chosen(PAYMENTS)))
    assert "An organization policy refused it on" in preview_page.text
    assert CONFIRM not in preview_page.html


def test_a_refusal_is_over_when_the_status_has_changed_since(admin, accounts):
    refused_by_a_policy(admin)
    here = ScanTypeStatus.objects.filter(account_id=PAYMENTS, region=REGION, scan_type="LAMBDA_CODE")
    here.update(status="ENABLED", changed_at=timezone.now())
    assert "locked" not in read(admin.get(f"{LIST}?account={PAYMENTS}")).text
    assert read(admin.get(f"{LIST}?status=LOCKED")).rows == []


def test_after_a_day_a_refusal_may_be_tried_again_and_what_aws_says_with_each_read_may_not(admin, accounts):
    refused_by_a_policy(admin)
    ActivationItem.objects.update(settled_at=timezone.now() - timedelta(days=2))
    assert "Activate 1 in 1 account" in read(admin.post(PREVIEW, chosen(PAYMENTS))).text
    here = ScanTypeStatus.objects.filter(account_id=PAYMENTS, region=REGION, scan_type="LAMBDA_CODE")
    here.update(error_code="BLOCKED_BY_ORGANIZATION_POLICY", error_message="A policy manages it")
    page = read(admin.post(PREVIEW, chosen(PAYMENTS)))
    assert "Locked by an organization policy: A policy manages it" in page.text
    assert CONFIRM not in page.html


# --- As a member, or standing alone


@pytest.fixture
def alone(settings: Any) -> Any:
    """The caller's own account in one Region, as a member or standing alone."""
    settings.COVERAGE_REGIONS = [REGION]

    def stand(kind: CallerKind) -> None:
        factories.administered(REGION, caller_account=PAYMENTS, caller_kind=kind)
        factories.scan_types(PAYMENTS, REGION, LAMBDA_CODE="DISABLED")
        administrator = SEARCH if kind == CallerKind.MEMBER else ""
        relationship = "ENABLED" if kind == CallerKind.MEMBER else ""
        factories.regional(PAYMENTS, relationship=relationship, administrator_id=administrator)

    return stand


def test_a_member_is_offered_to_activate_and_told_who_may_deactivate(admin, alone):
    alone(CallerKind.MEMBER)
    listed = read(admin.get(LIST))
    assert "Activate…" in listed.text
    assert "Deactivate…" not in listed.text
    page = read(admin.get(ACCOUNT))
    assert offered(page) == [f"activate LAMBDA_CODE {REGION}"]
    assert "Deactivate…" not in page.text
    words = f"A member account may not deactivate: only its delegated administrator, account {SEARCH}, may."
    assert page.text.count(words) == 1


def test_a_members_deactivation_is_refused_in_the_preview_and_at_the_click(admin, alone):
    alone(CallerKind.MEMBER)
    wish = chosen(PAYMENTS, action="deactivate", scan_type=["EC2"])
    page = read(admin.post(PREVIEW, wish))
    assert "Nothing would change" in page.text
    assert CONFIRM not in page.html
    alone(CallerKind.STANDALONE)
    given = hidden(read(admin.post(PREVIEW, wish)))
    alone(CallerKind.MEMBER)
    response = admin.post(CONFIRM, {**given, "reason": "no longer used", "typed": "deactivate"})
    assert "Something changed since you looked" in read(response, 409).text
    assert not ActivationRequest.objects.exists()


def test_a_member_that_knows_the_digest_is_refused_too(admin, alone, delegated_admin):
    alone(CallerKind.MEMBER)
    wish = Wish(Action.DEACTIVATE, (PAYMENTS,), (REGION,), ("EC2",))
    seen = preview(delegated_admin, wish)
    with pytest.raises(Refused, match="Nothing would change"):
        requests.confirm(delegated_admin, wish, requests.Confirmation(uuid.uuid4(), seen.digest, "because"))
    assert not ActivationRequest.objects.exists()


def test_a_standalone_account_may_do_both(admin, alone):
    alone(CallerKind.STANDALONE)
    assert {f"activate LAMBDA_CODE {REGION}", f"deactivate EC2 {REGION}"} <= set(offered(read(admin.get(ACCOUNT))))
    assert "Deactivate…" in read(admin.get(LIST)).text


# --- What would change


def test_the_preview_tells_what_would_change_and_changes_nothing(admin, accounts):
    factories.scan_types(SEARCH, REGION, LAMBDA_CODE="ENABLED")
    page = read(admin.post(PREVIEW, chosen(PAYMENTS, SEARCH)))
    assert "Will change 1" in page.text
    assert "Already so 1" in page.text
    assert "1 × Lambda code in us-east-1" in page.text
    assert "Activate 1 in 1 account" in page.text
    assert not ActivationRequest.objects.exists()


def test_first_the_scan_types_are_asked_for(admin, accounts):
    page = read(admin.post(PREVIEW, {"action": "activate", "account": [PAYMENTS]}))
    assert "Show what would change" in page.text
    assert "Confirm" not in page.text


def test_everything_that_a_filter_shows_is_chosen_over_all_its_pages(admin, accounts):
    for number in range(70):
        factories.scan_types(f"{500_000_000_000 + number}", REGION, LAMBDA_CODE="DISABLED")
    page = read(admin.post(PREVIEW, chosen(all="1", filter="?q=50000000000")))
    assert "10 accounts. Nothing is changed" in page.text
    assert "Activate 10 in 10 accounts" in page.text


def test_deactivating_says_what_is_lost_before_it_is_done(admin, accounts):
    page = read(admin.post(PREVIEW, chosen(PAYMENTS, action="deactivate", scan_type=["ECR", "LAMBDA"])))
    assert "What is lost" in page.text
    assert "Every finding of these scan types is deleted" in page.text
    assert "The registries go back to basic scanning." in page.text
    assert "last scan type" not in page.text
    everything = ["EC2", "ECR", "LAMBDA", "CODE_REPOSITORY"]
    page = read(admin.post(PREVIEW, chosen(PAYMENTS, action="deactivate", scan_type=everything)))
    assert "In 1 place (account and Region) it is the last scan type" in page.text


def test_the_plan_can_be_taken_along_as_commands(admin, accounts):
    page = read(admin.post(PREVIEW, chosen(PAYMENTS, SEARCH)))
    command = f"aws inspector2 enable --region us-east-1 --resource-types LAMBDA_CODE --account-ids {PAYMENTS} {SEARCH}"
    assert command in page.text
    assert 'resource "aws_inspector2_enabler"' in page.text


def test_without_a_role_to_write_with_the_commands_are_all_there_is(admin, accounts, settings):
    settings.COVERAGE_READ_ONLY = True
    page = read(admin.post(PREVIEW, chosen(PAYMENTS)))
    assert "This installation only reads" in page.text
    assert CONFIRM not in page.html
    assert "aws inspector2 enable" in page.text


# --- The click


def test_a_confirmed_request_has_a_page_that_can_be_shared(admin, accounts, as_viewer):
    response = confirmed(admin, PAYMENTS, SEARCH, region=[REGION, OTHER_REGION])
    made = ActivationRequest.objects.get()
    assert response.url == f"/activation/{made.pk}/"
    for client in (admin, as_viewer):
        page = read(client.get(response.url))
        assert "0 of 4 settled" in page.text
        assert page.column("State") == ["Waiting"] * 4
        assert 'hx-trigger="every 3s"' in page.html
    assert AuditEvent.objects.filter(event=Event.REQUESTED, ip="127.0.0.1").count() == 4


def test_the_same_form_again_leads_to_the_same_request(admin, accounts):
    given = hidden(read(admin.post(PREVIEW, chosen(PAYMENTS))))
    first, second = admin.post(CONFIRM, given), admin.post(CONFIRM, given)
    assert first.url == second.url
    assert ActivationItem.objects.count() == 1


def test_a_form_that_was_overtaken_is_shown_anew(admin, accounts):
    given = hidden(read(admin.post(PREVIEW, chosen(PAYMENTS, SEARCH))))
    factories.scan_types(SEARCH, REGION, LAMBDA_CODE="ENABLED")
    page = read(admin.post(CONFIRM, given), 409)
    assert "Something changed since you looked" in page.text
    assert "Activate 1 in 1 account" in page.text
    assert not ActivationRequest.objects.exists()


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"typed": "deactivate", "reason": ""}, "Say why"),
        ({"typed": "", "reason": "no longer used"}, "Type the word “deactivate”"),
        ({"typed": "activate", "reason": "no longer used"}, "Type the word “deactivate”"),
    ],
)
def test_deactivating_is_confirmed_on_the_server(admin, accounts, more, words):
    response = confirmed(admin, PAYMENTS, action="deactivate", scan_type=["ECR"], more=more)
    assert words in read(response, 400).text
    assert not ActivationRequest.objects.exists()


def test_deactivating_with_reason_and_word_is_stored(admin, accounts):
    given = {"typed": " Deactivate ", "reason": "no longer used"}
    confirmed(admin, PAYMENTS, action="deactivate", scan_type=["ECR"], more=given)
    assert ActivationRequest.objects.get().reason == "no longer used"


BAD = [
    {"account": []},
    {"account": ["0123"]},
    {"account": ["１２３４５６７８９０１２"]},
    {"account": ["999999999999"]},
    {"scan_type": ["EC3"]},
    {"scan_type": ["AMI"]},
    {"region": ["mars-north-1"]},
    {"action": "destroy"},
    {"action": ""},
    {"all": "1", "filter": "?group=nonsense"},
]


@pytest.mark.parametrize("wrong", BAD)
@pytest.mark.parametrize("address", [PREVIEW, CONFIRM])
def test_bad_input_is_refused_in_words(admin, accounts, address, wrong):
    response = admin.post(address, {**chosen(PAYMENTS), "token": "x", "digest": "y", **wrong})
    assert "The request was not understood" in read(response, 400).text
    assert not ActivationRequest.objects.exists()


@pytest.mark.parametrize(
    "wrong", [{"token": "x"}, {"token": ""}, {"digest": ""}, {"digest": "0" * 64}, {"reason": "x" * 2001}]
)
def test_a_confirmation_that_is_none_changes_nothing(admin, accounts, wrong):
    given = {**hidden(read(admin.post(PREVIEW, chosen(PAYMENTS)))), **wrong}
    assert admin.post(CONFIRM, given).status_code in {400, 409}
    assert not ActivationRequest.objects.exists()


def test_more_fields_than_the_form_has_are_ignored(admin, accounts, delegated_admin):
    more = {"person": "1", "state": "settled", "actor": "somebody else", "is_superuser": "1"}
    confirmed(admin, PAYMENTS, more=more)
    made = ActivationRequest.objects.get()
    assert (made.person, made.state) == (delegated_admin, "confirmed")
    assert AuditEvent.objects.get(event=Event.REQUESTED).actor == delegated_admin.username


def test_two_thousand_accounts_and_more_fit_into_the_form(admin, accounts, settings):
    settings.COVERAGE_MOST_ACCOUNTS = 10_000
    ids = [f"{500_000_000_000 + number}" for number in range(2100)]
    AwsAccount.objects.bulk_create(
        AwsAccount(account_id=account_id, name="many", first_seen_at=timezone.now()) for account_id in ids
    )
    page = read(admin.post(PREVIEW, {"action": "activate", "all": "1", "filter": "?q=many"}))
    given = re.search(r'name="accounts" value="([^"]+)"', page.html)
    assert given
    assert len(given[1].split(",")) == 2100
    again = read(
        admin.post(PREVIEW, {"action": "activate", "accounts": given[1], "scan_type": ["EC2"], "region": [REGION]})
    )
    assert "2,100 accounts. Nothing is changed" in again.text


def test_a_region_that_is_read_no_more_cannot_be_changed(admin, accounts, settings):
    settings.COVERAGE_REGIONS = [REGION]
    page = read(admin.post(PREVIEW, {"action": "deactivate", "account": [PAYMENTS]}))
    assert f'name="region" value="{OTHER_REGION}"' not in page.html
    assert admin.post(PREVIEW, chosen(PAYMENTS, region=[OTHER_REGION])).status_code == 400


def test_too_many_accounts_are_told_before_the_click(admin, accounts, settings):
    settings.COVERAGE_MOST_ACCOUNTS = 1
    page = read(admin.post(PREVIEW, chosen(all="1", filter="")))
    assert "One request takes up to 1" in page.text
    assert CONFIRM not in page.html


# --- Who may


@pytest.mark.parametrize("role", ["viewer", "account_viewer", "site_admin", ""])
@pytest.mark.parametrize(("method", "address"), EVERY_ROUTE)
def test_who_may_not_activate_may_only_look(accounts, admin, as_person, role, method, address):
    confirmed(admin, PAYMENTS)
    number = ActivationRequest.objects.get().pk
    client = as_person(factories.person("somebody", role=role, accounts=[PAYMENTS]))
    for headers in ({}, {"HX-Request": "true"}):
        response = getattr(client, method)(address.format(n=number), chosen(PAYMENTS), headers=headers)
        looks = method == "get"
        sees = bool(role) or address == "/activation/"
        refused = {404} if not role and "{n}" in address else {403}
        assert response.status_code in ({200} if looks and sees else refused), response.status_code
    assert ActivationRequest.objects.count() == 1
    assert ActivationItem.objects.get().state == ItemState.PLANNED


@pytest.mark.parametrize(("method", "address"), EVERY_ROUTE)
def test_anonymous_is_led_to_the_login(client, accounts, method, address):
    response = getattr(client, method)(address.format(n=1))
    assert response.status_code == 302
    assert response.url.startswith("/login/")


@pytest.mark.parametrize(("method", "address"), [route for route in EVERY_ROUTE if route[0] == "post"])
def test_nothing_is_changed_by_looking_or_without_the_token(delegated_admin, accounts, method, address):
    from django.test import Client

    strict = Client(enforce_csrf_checks=True)
    strict.force_login(delegated_admin)
    assert strict.get(address.format(n=1)).status_code == 405
    assert strict.head(address.format(n=1)).status_code == 405
    assert strict.post(address.format(n=1), chosen(PAYMENTS)).status_code == 403


def test_a_request_for_foreign_accounts_does_not_exist_and_a_shared_one_shows_its_own(admin, accounts, as_person):
    confirmed(admin, PAYMENTS, SEARCH)
    confirmed(admin, SEARCH, region=[OTHER_REGION])
    both, foreign = ActivationRequest.objects.order_by("pk")
    partly = as_person(factories.person("partly", role="account_viewer", accounts=[PAYMENTS]))
    page = read(partly.get(f"/activation/{both.pk}/"))
    assert "0 of 1 settled" in page.text
    assert SEARCH not in page.html
    there, missing = (read(partly.get(f"/activation/{number}/"), 404).text for number in (foreign.pk, 99999))
    assert there == missing
    listed = read(partly.get("/activation/"))
    assert len(listed.rows) == 1
    assert listed.column("Of") == ["1"]


def test_a_delegated_admin_of_some_accounts_cannot_name_others(accounts, as_person):
    partly = as_person(factories.person("partly", role="delegated_admin", accounts=[PAYMENTS]))
    assert "not an account that you can see" in read(partly.post(PREVIEW, chosen(SEARCH)), 400).text
    page = read(partly.post(PREVIEW, chosen(all="1", filter="")))
    assert "1 account. Nothing" in page.text
    assert SEARCH not in page.html


# --- The page of a request


def test_what_failed_is_tried_again_through_a_new_preview(admin, accounts):
    confirmed(admin, PAYMENTS, SEARCH)
    made = ActivationRequest.objects.get()
    refused = made.items.get(account_id=SEARCH)
    settle(refused, ItemState.REFUSED, code="ACCESS_DENIED", message="<b>no</b>")
    page = read(admin.get(f"/activation/{made.pk}/"))
    assert "ACCESS_DENIED: <b>no</b>" in page.text, "AWS' words are text"
    again = read(admin.post(f"/activation/{made.pk}/retry/"))
    assert "1 account. Nothing is changed" in again.text
    assert "Activate 1 in 1 account" in again.text


def test_what_was_not_sent_is_given_up(admin, accounts):
    confirmed(admin, PAYMENTS)
    made = ActivationRequest.objects.get()
    admin.post(f"/activation/{made.pk}/cancel/")
    page = read(admin.get(f"/activation/{made.pk}/"))
    assert "1 of 1 settled" in page.text
    assert "hx-trigger" not in page.html.partition('id="request"')[2].partition(">")[0], "a settled page asks no more"


def test_a_second_person_agrees_on_the_page(admin, accounts, settings, as_person):
    settings.COVERAGE_SECOND_PERSON = True
    confirmed(admin, PAYMENTS)
    made = ActivationRequest.objects.get()
    assert "Agree" not in read(admin.get(f"/activation/{made.pk}/")).text
    assert "somebody else" in read(admin.post(f"/activation/{made.pk}/approve/"), 400).text
    second = as_person(factories.person("second", role="delegated_admin", all_accounts=True))
    assert "Agree" in read(second.get(f"/activation/{made.pk}/")).text
    second.post(f"/activation/{made.pk}/approve/")
    assert "second agreed" in read(admin.get(f"/activation/{made.pk}/")).text


@pytest.mark.parametrize("count", [1, 40])
def test_the_number_of_queries_does_not_depend_on_the_items(admin, accounts, django_assert_max_num_queries, count):
    ids = [f"{600_000_000_000 + number}" for number in range(count)]
    for account_id in ids:
        factories.scan_types(account_id, REGION, LAMBDA_CODE="DISABLED")
    with django_assert_max_num_queries(32):
        page = read(admin.post(PREVIEW, chosen(*ids)))
    with django_assert_max_num_queries(32):
        response = admin.post(CONFIRM, hidden(page))
    with django_assert_max_num_queries(20):
        admin.get(response.url)


def test_commands_take_a_hundred_accounts_each(delegated_admin, accounts):
    from accounts.activation.preview import Wish, preview
    from accounts.choices import Action

    ids = [f"{600_000_000_000 + number}" for number in range(150)]
    for account_id in ids:
        factories.scan_types(account_id, REGION, LAMBDA_CODE="DISABLED")
    seen = preview(delegated_admin, Wish(Action.ACTIVATE, tuple(ids), (REGION,), ("LAMBDA_CODE",)))
    assert [len(line.split("--account-ids ")[1].split()) for line in as_commands(seen).splitlines()] == [100, 50]
