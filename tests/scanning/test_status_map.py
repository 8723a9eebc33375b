"""Every row of the status map: in its group's list, explained beside the list and on the resource's page."""

from __future__ import annotations

import json
from typing import Any

import pytest

from scanning.statuses import MAP
from tests import factories
from tests.reading import read

pytestmark = pytest.mark.django_db

STATUSES = json.loads(MAP.read_text(encoding="utf-8"))["statuses"]
ECR = "arn:aws:ecr:us-east-1:111122223333:repository/shop/web"
PLACES = {
    "instances": ("AWS_EC2_INSTANCE", "i-0123456789abcdef0", "PACKAGE", "EC2 instance"),
    "repositories": ("AWS_ECR_REPOSITORY", ECR, "PACKAGE", "ECR repository"),
    "images": ("AWS_ECR_CONTAINER_IMAGE", f"{ECR}/sha256:{'a' * 64}", "PACKAGE", "ECR container image"),
    "lambda": (
        "AWS_LAMBDA_FUNCTION",
        "arn:aws:lambda:us-east-1:111122223333:function:f:$LATEST",
        "PACKAGE",
        "Function name",
    ),
    "code-repositories": (
        "CODE_REPOSITORY",
        "arn:aws:inspector2:us-east-1:111122223333:codesecurity-project/p",
        "CODE",
        "Project",
    ),
}


def _name(row: dict[str, Any]) -> str:
    return "-".join(str(row[key] or "any") for key in ("tab", "status_code", "reason", "scan_frequency"))


@pytest.mark.parametrize("row", STATUSES, ids=_name)
def test_a_status_stands_in_its_group_and_is_explained_wherever_it_is_met(as_viewer, row):
    factories.read()
    slug = "code-repositories" if row["tab"] == "other" else row["tab"]
    resource_type, resource_id, scan_type, heading = PLACES[slug]
    frequency = row["scan_frequency"]
    made = factories.resource(
        resource_type,
        resource_id,
        scan_type=scan_type,
        metadata={"ecrRepository": {"name": "shop/web", "scanFrequency": frequency}} if frequency else {},
        code=row["status_code"],
        reason=row["reason"],
    )
    listed = read(as_viewer.get(f"/coverage/{slug}/?group={row['group']}"))
    column = "Reason" if row["group"] in {"not-scanning", "not-activated"} else "Status"
    assert len(listed.column(heading)) == 1
    assert row["label"] in listed.column(column)[0]
    assert row["detail"] in listed.column(column)[0]
    for address in (f"/coverage/{slug}/?about={made.status_key}", made.get_absolute_url()):
        page = read(as_viewer.get(address))
        assert row["meaning"] in page.text
        assert row["action"] in page.text
        assert not row["doc"] or row["doc"] in page.links.values()
