"""What AWS says no to, and what it does not say."""

from __future__ import annotations

import pytest

from accounts.activation import requests, worker
from accounts.activation.preview import preview
from accounts.choices import Action, Event, ItemState
from accounts.models import (
    AuditEvent,
)
from tests.accounts.activating import (
    add_and_read,
    ask,
    sent,
    states,
    wish,
    work,
)

pytestmark = pytest.mark.django_db(transaction=True)


FINAL = [
    "ACCESS_DENIED",
    "RESOURCE_NOT_FOUND",
    "RESOURCE_SCAN_NOT_DISABLED",
    "DISASSOCIATE_ALL_MEMBERS",
    "ACCOUNT_IS_ISOLATED",
    "EC2_SSM_RESOURCE_DATA_SYNC_LIMIT_EXCEEDED",
    "EC2_SSM_ASSOCIATION_VERSION_LIMIT_EXCEEDED",
    "BLOCKED_BY_ORGANIZATION_POLICY",
]


@pytest.mark.parametrize("code", FINAL)
def test_a_refusal_ends_the_item_with_aws_words_and_leaves_the_others(changing, organization, dana, code):
    ids = add_and_read(organization, 4)
    organization.refuse(ids[1], code, operation="Enable", message=f"AWS says {code}")
    request = ask(dana, wish(*ids))
    work()
    refused = request.items.get(state=ItemState.REFUSED)
    assert (refused.account_id, refused.error_code, refused.error_message) == (ids[1], code, f"AWS says {code}")
    assert sorted(states(request).values()) == [ItemState.DONE] * 3 + [ItemState.REFUSED]
    audited = AuditEvent.objects.get(event=Event.SETTLED, account_id=ids[1])
    assert (audited.error_code, audited.error_message) == (code, f"AWS says {code}")
    again = requests.retry(request, dana)
    assert again.account_ids == (ids[1],), "only what failed is tried again"


@pytest.mark.parametrize("code", sorted(worker.TRANSIENT))
def test_a_refusal_that_passes_is_tried_again(changing, organization, dana, code):
    ids = add_and_read(organization, 1)
    organization.refuse(ids[0], code, operation="Enable", times=2)
    request = ask(dana, wish(*ids))
    work()
    assert set(states(request).values()) == {ItemState.DONE}
    assert len(sent(changing)) == 3


def test_a_refusal_that_does_not_pass_ends(changing, organization, dana):
    ids = add_and_read(organization, 1)
    organization.refuse(ids[0], "INTERNAL_ERROR", operation="Enable")
    request = ask(dana, wish(*ids))
    work(12)
    assert set(states(request).values()) == {ItemState.REFUSED}
    assert len(sent(changing)) == worker.MOST_ATTEMPTS


def test_already_enabled_is_done(changing, organization, dana):
    ids = add_and_read(organization, 1)
    request = ask(dana, wish(*ids))
    organization.refuse(ids[0], "ALREADY_ENABLED", operation="Enable", times=1)
    work()
    assert set(states(request).values()) == {ItemState.DONE}


EXCEPTIONS = [
    (403, "AccessDeniedException"),
    (400, "ValidationException"),
    (404, "ResourceNotFoundException"),
    (409, "ConflictException"),
]


@pytest.mark.parametrize(("status", "code"), EXCEPTIONS)
def test_an_error_answer_ends_every_item_of_the_call(changing, organization, dana, status, code):
    ids = add_and_read(organization, 2)
    changing.faults.add(operation="Enable", status=status, code=code, message="AWS says no")
    request = ask(dana, wish(*ids))
    work()
    assert set(states(request).values()) == {ItemState.REFUSED}
    assert {item.error_code for item in request.items.all()} == {code}
    assert len(sent(changing)) == 1


def test_throttling_is_tried_again(changing, organization, dana):
    ids = add_and_read(organization, 1)
    changing.faults.add(operation="Enable", status=429, code="ThrottlingException", call=[1, 2])
    request = ask(dana, wish(*ids))
    work()
    assert set(states(request).values()) == {ItemState.DONE}
    assert len(sent(changing)) == 3


LOST = [{"status": 500, "code": "InternalServerException"}, {"body": b"<html>"}, {"body": b""}]


@pytest.mark.parametrize("fault", LOST, ids=["500", "html", "empty"])
@pytest.mark.parametrize("action", list(Action))
def test_an_answer_that_says_nothing_is_followed_by_a_look(changing, organization, dana, action, fault):
    """AWS did not do it: the look shows no trace, and it is sent once more."""
    ids = add_and_read(organization, 1)
    operation, types = ("Enable", ("LAMBDA_CODE",)) if action == Action.ACTIVATE else ("Disable", ("ECR",))
    changing.faults.add(operation=operation, call=1, **fault)
    request = ask(dana, wish(*ids, action=action, types=types))
    work()
    assert set(states(request).values()) == {ItemState.DONE}
    assert [call.operation for call in sent(changing)] == [operation] * 2
    if action == Action.ACTIVATE:
        assert len({call.params["clientToken"] for call in sent(changing)}) == 1, "AWS could tell it is the same"


def test_a_region_without_the_type_is_learned_from_the_refusal(changing, organization, dana):
    organization.lambda_code_regions = set()
    ids = add_and_read(organization, 2)
    request = ask(dana, wish(ids[0]))
    work()
    assert "not supported in us-east-1" in request.items.get().error_message
    later = preview(dana, wish(ids[1]))
    assert (later.sent, later.lines[0].why) == ([], "Inspector does not offer it in us-east-1.")


def test_what_a_policy_refused_is_told_in_the_next_preview(changing, organization, dana):
    ids = add_and_read(organization, 1)
    organization.refuse(ids[0], "BLOCKED_BY_ORGANIZATION_POLICY", operation="Enable")
    ask(dana, wish(*ids))
    work()
    assert "An organization policy refused it" in preview(dana, wish(*ids)).lines[0].why
