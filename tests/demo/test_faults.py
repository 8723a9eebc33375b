"""The fault script: each fault hits the calls it names, and no others."""

from __future__ import annotations

import http.client
import json
import time
import urllib.request
from typing import Any

import pytest
from botocore.exceptions import ClientError, HTTPClientError

from demo.calls import Call
from demo.faults import EDITS, Fault
from demo.organization import Organization
from demo.server import StandIn
from tests.demo.conftest import ADMIN, MEMBER, OTHER, Connect, refusal_of

THROTTLED = ["ThrottlingException", "InternalServerException", "AccessDeniedException", "ExpiredTokenException"]


def raw_page(aws: StandIn, **params: Any) -> tuple[int, dict[str, str], bytes]:
    """An answer as it came over the wire."""
    scope = "AWS4-HMAC-SHA256 Credential=AKIASTANDIN/20261124/us-east-1/inspector2/aws4_request, SignedHeaders=host"
    request = urllib.request.Request(
        f"{aws.url}/coverage/list",
        data=json.dumps(params).encode(),
        headers={"Authorization": scope, "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10) as response:
        return response.status, dict(response.headers), response.read()


@pytest.mark.parametrize("code", THROTTLED)
def test_an_error_hits_the_call_it_is_written_for(code: str, aws: StandIn, connect: Connect) -> None:
    aws.faults.add(operation="ListCoverage", region="us-east-1", call=2, code=code, message="as scripted")
    client = connect()
    client.list_coverage()
    assert refusal_of(client.list_coverage)[1:] == (code, "as scripted")
    client.list_coverage()
    client.list_findings()
    connect(region="eu-west-1").list_coverage()
    assert len(aws.calls) == 5


def test_throttling_says_when_to_come_back(aws: StandIn, connect: Connect) -> None:
    aws.faults.add(operation="ListMembers", code="ThrottlingException", retry_after=7)
    with pytest.raises(ClientError) as caught:
        connect().list_members()
    metadata: Any = caught.value.response["ResponseMetadata"]
    assert metadata["HTTPStatusCode"] == 429
    assert metadata["HTTPHeaders"]["retry-after"] == "7"


def test_a_fault_can_be_about_an_account_that_the_call_names(aws: StandIn, connect: Connect) -> None:
    aws.faults.add(operation="BatchGetAccountStatus", account=MEMBER, code="AccessDeniedException")
    client = connect()
    client.batch_get_account_status(accountIds=[OTHER])
    assert refusal_of(client.batch_get_account_status, accountIds=[OTHER, MEMBER])[1] == "AccessDeniedException"


def test_several_calls_can_be_hit_and_the_script_cleared(aws: StandIn, connect: Connect) -> None:
    fault = aws.faults.add(operation="ListCoverage", call=[1, 3], code="InternalServerException")
    client = connect()
    refusal_of(client.list_coverage)
    client.list_coverage()
    refusal_of(client.list_coverage)
    assert fault.seen == 3
    aws.faults.add(code="InternalServerException")
    aws.faults.clear()
    client.list_coverage()


def test_a_delay_holds_the_answer_back(aws: StandIn, connect: Connect) -> None:
    client = connect()
    client.list_coverage()
    aws.faults.add(delay=0.3)
    start = time.monotonic()
    client.list_coverage()
    assert time.monotonic() - start >= 0.3


@pytest.mark.parametrize("body", [b"", b"<html><body>Bad gateway</body></html>", b"{}", b'{"coveredResources": [{'])
def test_a_body_can_be_anything(body: bytes, aws: StandIn) -> None:
    aws.faults.add(operation="ListCoverage", body=body, status=200, headers={"Content-Type": "text/html"})
    status, headers, received = raw_page(aws)
    assert (status, headers["Content-Type"], received) == (200, "text/html", body)


def test_a_cut_answer_is_half_of_it(organization: Organization, aws: StandIn) -> None:
    organization.add_instance()
    aws.faults.add(edit="cut", call=1)
    _, _, cut = raw_page(aws)
    _, _, whole = raw_page(aws)
    assert whole.startswith(cut)
    assert len(cut) == len(whole) // 2


def edited(edit: str, value: Any, organization: Organization, aws: StandIn, **params: Any) -> Any:
    aws.faults.add(operation="ListCoverage", edit=edit, value=value)
    return json.loads(raw_page(aws, **params)[2])


EXAMPLES: dict[str, tuple[Any, Any]] = {
    "null_rows": (None, lambda page: page["coveredResources"] is None),
    "drop_key": (None, lambda page: "coveredResources" not in page),
    "set_token": ("A", lambda page: page["nextToken"] == "A"),
    "repeat_token": (None, lambda page: page["nextToken"]),
    "empty_page": (None, lambda page: page["coveredResources"] == [] and page["nextToken"]),
    "end_early": (None, lambda page: "nextToken" not in page and len(page["coveredResources"]) == 2),
    "duplicate_row": (None, lambda page: page["coveredResources"][0] == page["coveredResources"][2]),
    "add_rows": ([{"resourceId": "x"}], lambda page: page["coveredResources"][2] == {"resourceId": "x"}),
    "drop_row": (1, lambda page: len(page["coveredResources"]) == 1),
    "reverse_rows": (None, lambda page: [row["resourceId"] for row in page["coveredResources"]] == ["i-2", "i-1"]),
    "unknown_reason": ("BRAND_NEW", lambda page: page["coveredResources"][0]["scanStatus"]["reason"] == "BRAND_NEW"),
    "unknown_code": ("ASLEEP", lambda page: page["coveredResources"][0]["scanStatus"]["statusCode"] == "ASLEEP"),
    "bad_time": ("yesterday", lambda page: page["coveredResources"][0]["lastScannedAt"] == "yesterday"),
    "poison": (
        "\u0000",
        lambda page: page["coveredResources"][0]["resourceMetadata"]["ec2"]["tags"]["Poison"] == "\u0000",
    ),
    "set": (
        {"coveredResources.1.newMember": [1]},
        lambda page: page["coveredResources"][1]["newMember"] == [1],
    ),
}


@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_spoils_the_answer_in_its_own_way(edit: str, organization: Organization, aws: StandIn) -> None:
    for number in (1, 2, 3):
        organization.add_instance(resource_id=f"i-{number}")
    value, holds = EXAMPLES[edit]
    assert holds(edited(edit, value, organization, aws, maxResults=2))
    assert organization.truth("us-east-1")[0].get("lastScannedAt") is None, "the organization itself is untouched"


def test_a_lone_surrogate_goes_over_the_wire(organization: Organization, aws: StandIn) -> None:
    organization.add_instance()
    aws.faults.add(edit="poison", value="\ud800")
    assert b"\\ud800" in raw_page(aws)[2]


def test_tokens_can_go_round_in_a_circle(organization: Organization, aws: StandIn) -> None:
    aws.faults.add(operation="ListCoverage", call=[1, 3, 5], edit="set_token", value="A")
    aws.faults.add(operation="ListCoverage", call=[2, 4, 6], edit="set_token", value="B")
    tokens = [json.loads(raw_page(aws)[2])["nextToken"] for _ in range(6)]
    assert tokens == ["A", "B"] * 3


def test_an_unknown_edit_is_refused_when_it_is_written() -> None:
    with pytest.raises(ValueError, match="Unknown edit 'nonsense'"):
        Fault(edit="nonsense")


def control(aws: StandIn, method: str, what: str, body: Any = None) -> Any:
    host, _, port = aws.url.removeprefix("http://").partition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=10)
    connection.request(method, f"/_stand-in/{what}", json.dumps(body) if body is not None else None)
    response = connection.getresponse()
    answer = response.status, json.loads(response.read())
    connection.close()
    return answer


def test_another_process_can_write_the_script_and_read_the_log(
    aws: StandIn, connect: Connect, organization: Organization
) -> None:
    status, faults = control(aws, "POST", "faults", {"operation": "ListCoverage", "body": "<html>", "status": 502})
    assert (status, len(faults)) == (200, 1)
    with pytest.raises((ClientError, HTTPClientError)):
        connect(check=False).list_coverage()
    assert control(aws, "DELETE", "faults") == (200, [])
    connect().list_coverage(maxResults=3)
    _, calls = control(aws, "DELETE", "calls")
    assert [(call["operation"], call["account_id"], call["params"]) for call in calls] == [
        ("ListCoverage", ADMIN, {}),
        ("ListCoverage", ADMIN, {"maxResults": 3}),
    ]
    assert aws.calls == []
    organization.add_instance(resource_id="i-truth00000")
    _, rows = control(aws, "POST", "truth", {"region": "us-east-1"})
    assert [row["resourceId"] for row in rows] == ["i-truth00000"]
    assert control(aws, "POST", "tick") == (200, {"ticked": True})
    assert control(aws, "GET", "nonsense")[0] == 404
    assert control(aws, "POST", "faults", {"edit": "nonsense"})[0] == 400


def test_matching_counts_only_what_it_names() -> None:
    fault = Fault(operation="ListCoverage", account=MEMBER)
    filters = {"filterCriteria": {"accountId": [{"comparison": "EQUALS", "value": MEMBER}]}}
    assert fault.matches(Call("ListCoverage", "us-east-1", ADMIN, filters))
    assert not fault.matches(Call("ListCoverage", "us-east-1", ADMIN, {}))
