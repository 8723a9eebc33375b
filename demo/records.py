"""What an organization is made of: accounts, covered resources and findings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

Row = dict[str, Any]

SCAN_TYPES = ("EC2", "ECR", "LAMBDA", "LAMBDA_CODE", "CODE_REPOSITORY", "AMI")
WIRE_NAMES = {
    "EC2": "ec2",
    "ECR": "ecr",
    "LAMBDA": "lambda",
    "LAMBDA_CODE": "lambdaCode",
    "CODE_REPOSITORY": "codeRepository",
    "AMI": "ami",
}
"""The scan types an account activates, and the member that carries each in Inspector's structures."""

ORDINARY_SCAN_TYPES = {"EC2": "ENABLED", "ECR": "ENABLED", "LAMBDA": "ENABLED"}
LAMBDA_CODE_REGIONS = frozenset(
    {
        "us-east-1",
        "us-east-2",
        "us-west-2",
        "eu-central-1",
        "eu-west-1",
        "eu-west-2",
        "eu-north-1",
        "ap-northeast-1",
        "ap-southeast-1",
        "ap-southeast-2",
    }
)
"""Where Lambda code scanning is offered."""
JOINED = 1_600_000_000.0


@dataclass(slots=True, eq=False)
class Resource:
    """One coverage row: a resource seen by one scan type. `serial` is its place in every list."""

    region: str
    row: Row
    serial: int
    since: float = 0.0

    @property
    def account_id(self) -> str:
        return str(self.row["accountId"])

    @property
    def resource_type(self) -> str:
        return str(self.row["resourceType"])

    @property
    def resource_id(self) -> str:
        return str(self.row["resourceId"])

    @property
    def scan_type(self) -> str:
        return str(self.row["scanType"])

    @property
    def code(self) -> str:
        return str(self.row.get("scanStatus", {}).get("statusCode", ""))

    @property
    def reason(self) -> str:
        return str(self.row.get("scanStatus", {}).get("reason", ""))

    @property
    def metadata(self) -> Row:
        return self.row.get("resourceMetadata") or {}


@dataclass(slots=True, eq=False)
class Finding:
    """One finding; `details` (shared between findings alike) and `overrides` complete AWS' dict when it is served."""

    resource: Resource
    arn: str
    type: str
    severity: str
    status: str
    first_observed_at: float
    last_observed_at: float
    updated_at: float
    serial: int
    details: Mapping[str, Any]
    overrides: Mapping[str, Any] = field(default_factory=dict)

    @property
    def region(self) -> str:
        return self.resource.region

    @property
    def account_id(self) -> str:
        return self.resource.account_id


@dataclass(eq=False)
class Account:
    """One account of the organization with its Inspector state in every Region."""

    id: str
    name: str
    email: str
    ou: str = ""
    state: str = "ACTIVE"
    joined_at: float = JOINED
    joined_method: str = "CREATED"
    relationships: dict[str, str] = field(default_factory=dict)
    """Region -> RelationshipStatus with the delegated administrator; a Region without one never was associated."""
    related_at: dict[str, float] = field(default_factory=dict)
    scan_types: dict[str, dict[str, str]] = field(default_factory=dict)
    """Region -> scan type -> Status; what is not named is DISABLED."""
    policy_blocked: set[str] = field(default_factory=set)
    """Scan types that an Organizations policy manages: neither the account nor its administrator may change them."""
    refuses: bool = False
    """Every account-level question about this account ends in failedAccounts ACCESS_DENIED."""

    def status(self, region: str, scan_type: str) -> str:
        return self.scan_types.get(region, {}).get(scan_type, "DISABLED")

    def is_member(self, region: str) -> bool:
        return self.relationships.get(region) == "ENABLED"


def seconds(moment: datetime) -> float:
    """A moment as AWS writes it: seconds since the epoch, to the millisecond."""
    return round(moment.timestamp(), 3)


def wire(value: Any) -> Any:
    """A value as it goes over the wire: datetimes become epoch seconds, containers are copied."""
    if isinstance(value, datetime):
        return seconds(value)
    if isinstance(value, dict):
        return {key: wire(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [wire(one) for one in value]
    return value
