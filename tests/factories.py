"""Rows for tests, made the way the sync makes them: AWS' dict through `to_row`, the counters with it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from django.utils import timezone

from accounts.models import AccountGrant, AwsAccount, Person, RegionalAccount, ScanTypeStatus
from aws import holds
from aws.choices import CallerKind, HoldDecision, RunOutcome, ScopeState, What
from aws.models import SyncRun, SyncScope
from scanning.choices import STATISTICS, ResourceType
from scanning.counts import CountDelta, recount_findings
from scanning.models import CoveredResource, Finding, StatusChange
from scanning.rows import to_finding, to_row, wait_from

PAYMENTS = "111122223333"
SEARCH = "444455556666"
REGION = "us-east-1"
OTHER_REGION = "eu-west-1"
PASSWORD = "correct horse battery staple"
NAMES = {PAYMENTS: "payments-prod", SEARCH: "search-prod"}

_numbers = count(1)


def person(
    name: str, *, role: str = "", accounts: Iterable[str] = (), units: Iterable[str] = (), **fields: Any
) -> Person:
    made = Person.objects.create_user(username=name, password=PASSWORD, role=role, **fields)
    for account_id in accounts:
        AccountGrant.objects.create(person=made, account_id=account_id)
    for unit in units:
        AccountGrant.objects.create(person=made, organizational_unit=unit)
    return made


def account(account_id: str = PAYMENTS, name: str | None = None, **fields: Any) -> AwsAccount:
    fields = {"first_seen_at": timezone.now(), "name": NAMES.get(account_id, "") if name is None else name, **fields}
    return AwsAccount.objects.update_or_create(account_id=account_id, defaults=fields)[0]


def regional(
    account_id: str = PAYMENTS, region: str = REGION, relationship: str = "ENABLED", **fields: Any
) -> RegionalAccount:
    """An account as Inspector in one Region knows it: a member, unless said otherwise."""
    account(account_id)
    facts = {"relationship_status": relationship, "status": "ENABLED", "first_seen_at": timezone.now(), **fields}
    return RegionalAccount.objects.update_or_create(account_id=account_id, region=region, defaults=facts)[0]


def scan_types(
    account_id: str = PAYMENTS, region: str = REGION, status: str = "ENABLED", **differing: str
) -> list[ScanTypeStatus]:
    """The five scan types of a member in one Region: all in one status but those named, as in `ECR="DISABLED"`."""
    regional(account_id, region)
    names = ("EC2", "ECR", "LAMBDA", "LAMBDA_CODE", "CODE_REPOSITORY")
    wanted = {**dict.fromkeys(names, status), **differing}
    return [
        ScanTypeStatus.objects.update_or_create(
            account_id=account_id, region=region, scan_type=name, defaults={"status": value}
        )[0]
        for name, value in wanted.items()
    ]


def administered(*regions: str, **fields: Any) -> None:
    """These Regions were read as the delegated administrator, and the organization with them."""
    for region in regions or (REGION, OTHER_REGION):
        facts = {"caller_account": "999988887777", "caller_kind": CallerKind.DELEGATED_ADMIN, **fields}
        scope(What.ACCOUNTS, region, **facts)
    scope(What.ORGANIZATION, "global")


def scope(
    what: str = What.COVERAGE, region: str = REGION, part: str = "", *, age: timedelta = timedelta(0), **fields: Any
) -> SyncScope:
    """A scope that was read completely, `age` ago."""
    fields = {"state": ScopeState.OK, "last_complete_at": timezone.now() - age, **fields}
    return SyncScope.objects.update_or_create(what=what, region=region, part=part, defaults=fields)[0]


def read(region: str = REGION, *, age: timedelta = timedelta(0), types: Iterable[str] | None = None) -> None:
    """Everything of a Region was read completely, `age` ago."""
    for part in (STATISTICS, *(types if types is not None else ResourceType.values)):
        scope(What.COVERAGE, region, part, age=age)
    scope(What.FINDINGS, region, age=age)
    scope(What.ACCOUNTS, region, age=age)


def fail(
    what: str, region: str, part: str = "", *, error: str = "access denied to ListCoverage", **fields: Any
) -> SyncScope:
    since = timezone.now()
    found = {"state": ScopeState.FAILED, "error": error, "failing_since": since, **fields}
    return SyncScope.objects.update_or_create(what=what, region=region, part=part, defaults=found)[0]


def run(of: SyncScope, **fields: Any) -> SyncRun:
    of.generation += 1
    of.save(update_fields=["generation"])
    started = timezone.now() - timedelta(seconds=12)
    given = {"outcome": RunOutcome.COMPLETE, "started_at": started, "ended_at": timezone.now(), **fields}
    return SyncRun.objects.create(scope=of, generation=of.generation, **given)


def seconds(at: datetime | None) -> float | None:
    return at.timestamp() if at else None


def resource(
    resource_type: str,
    resource_id: str,
    *,
    region: str = REGION,
    account_id: str = PAYMENTS,
    scan_type: str = "PACKAGE",
    code: str | None = "ACTIVE",
    reason: str | None = "SUCCESSFUL",
    scanned: datetime | None = None,
    metadata: dict[str, Any] | None = None,
    first_seen_at: datetime | None = None,
    missing_since: datetime | None = None,
    gone_at: datetime | None = None,
    **item: Any,
) -> CoveredResource:
    """One coverage row, with its account and its counters."""
    account(account_id)
    wire = {
        "accountId": account_id,
        "resourceType": resource_type,
        "resourceId": resource_id,
        "scanType": scan_type,
        "scanStatus": {"statusCode": code, "reason": reason},
        "resourceMetadata": metadata or {},
        "lastScannedAt": seconds(scanned),
        **item,
    }
    row = to_row({key: value for key, value in wire.items() if value is not None}, region)
    wait_from(row, first_seen_at or timezone.now())
    row.missing_since, row.gone_at = missing_since, gone_at
    row.save()
    if gone_at is None:
        delta = CountDelta()
        delta.add(row)
        delta.apply()
    return row


def goes(row: CoveredResource) -> None:
    """AWS confirmed that the resource is gone."""
    row.gone_at = timezone.now()
    row.save()
    delta = CountDelta()
    delta.take(row)
    delta.apply()


def instance(
    name: str = "", *, tags: dict[str, str] | None = None, platform: str | None = "LINUX", **fields: Any
) -> CoveredResource:
    tags = {**({"Name": name} if name else {}), **(tags or {})}
    ec2 = {"tags": tags, "amiId": "ami-0c1b2a39485766554", "platform": platform}
    metadata = {"ec2": {key: value for key, value in ec2.items() if value is not None}}
    resource_id = fields.pop("resource_id", f"i-{next(_numbers):017x}")
    scan_mode = fields.pop("scanMode", "EC2_SSM_AGENT_BASED")
    return resource(ResourceType.AWS_EC2_INSTANCE, resource_id, metadata=metadata, scanMode=scan_mode, **fields)


def unmanaged_instance(name: str = "", **fields: Any) -> CoveredResource:
    return instance(name, code="INACTIVE", reason="UNMANAGED_EC2_INSTANCE", scanMode=None, **fields)


def repository(name: str, *, frequency: str | None = "CONTINUOUS_SCAN", **fields: Any) -> CoveredResource:
    facts = {"name": name, "scanFrequency": frequency}
    metadata = {"ecrRepository": {key: value for key, value in facts.items() if value is not None}}
    region, account_id = fields.get("region", REGION), fields.get("account_id", PAYMENTS)
    arn = f"arn:aws:ecr:{region}:{account_id}:repository/{name}"
    return resource(ResourceType.AWS_ECR_REPOSITORY, arn, metadata=metadata, **fields)


def image(
    repository_name: str, *, tags: list[str] | None = None, frequency: str = "CONTINUOUS_SCAN", **fields: Any
) -> CoveredResource:
    region, account_id = fields.get("region", REGION), fields.get("account_id", PAYMENTS)
    digest = f"sha256:{next(_numbers):064x}"
    arn = f"arn:aws:ecr:{region}:{account_id}:repository/{repository_name}/{digest}"
    metadata: dict[str, Any] = {"ecrRepository": {"name": repository_name, "scanFrequency": frequency}}
    if tags is not None:
        metadata["ecrImage"] = {"tags": tags}
    return resource(ResourceType.AWS_ECR_CONTAINER_IMAGE, arn, metadata=metadata, **fields)


def function(
    name: str, *, tags: dict[str, str] | None = None, runtime: str = "PYTHON_3_13", **fields: Any
) -> CoveredResource:
    region, account_id = fields.get("region", REGION), fields.get("account_id", PAYMENTS)
    arn = f"arn:aws:lambda:{region}:{account_id}:function:{name}:$LATEST"
    metadata = {"lambdaFunction": {"functionName": name, "runtime": runtime, "functionTags": tags or {}}}
    return resource(ResourceType.AWS_LAMBDA_FUNCTION, arn, metadata=metadata, **fields)


def status_change(row: CoveredResource, at: datetime, was: tuple[str, str], became: tuple[str, str]) -> StatusChange:
    (from_code, from_reason), (to_code, to_reason) = was, became
    return StatusChange.objects.create(
        resource=row, at=at, from_code=from_code, from_reason=from_reason, to_code=to_code, to_reason=to_reason
    )


def package_details(vulnerability_id: str) -> dict[str, Any]:
    return {
        "vulnerabilityId": vulnerability_id,
        "source": "NVD",
        "sourceUrl": f"https://nvd.nist.gov/vuln/detail/{vulnerability_id}",
        "vulnerablePackages": [
            {
                "name": "openssl",
                "version": "1.1.1k",
                "release": "6.el8",
                "packageManager": "OS",
                "fixedInVersion": "1.1.1w",
            }
        ],
        "cvss": [{"baseScore": 9.1, "scoringVector": "CVSS:3.1/AV:N/AC:L", "version": "3.1", "source": "NVD"}],
        "referenceUrls": ["https://www.openssl.org/news/secadv/"],
        "vendorSeverity": "High",
    }


def finding(
    of: CoveredResource,
    severity: str = "HIGH",
    *,
    title: str | None = None,
    gone_at: datetime | None = None,
    **item: Any,
) -> Finding:
    """One finding of a resource, and the resource's count with it."""
    number = next(_numbers)
    kind = item.get("type", "PACKAGE_VULNERABILITY")
    now = timezone.now().timestamp()
    wire = {
        "findingArn": f"arn:aws:inspector2:{of.region}:{of.account_id}:finding/{number:032x}",
        "awsAccountId": of.account_id,
        "type": kind,
        "severity": severity,
        "status": "ACTIVE",
        "title": f"CVE-2026-{number:05d} - openssl" if title is None else title,
        "description": "A flaw was found in openssl.",
        "remediation": {"recommendation": {"text": "Update the package."}},
        "firstObservedAt": now - 86_400,
        "lastObservedAt": now,
        "updatedAt": now,
        "inspectorScore": 9.1,
        "resources": [{"type": of.resource_type, "id": of.resource_id, "region": of.region}],
        **(
            {"packageVulnerabilityDetails": package_details(f"CVE-2026-{number:05d}")}
            if kind.startswith("PACKAGE")
            else {}
        ),
        **item,
    }
    made = to_finding(wire, of.region)
    made.first_seen_at = timezone.now()
    made.gone_at = gone_at
    made.save()
    recount_findings(of.region, [(of.account_id, of.resource_id, made.scan_type)])
    return made


def decide_held(decision: HoldDecision = HoldDecision.RELEASED, by: str = "a person") -> None:
    """What a person says about every scope that is held."""
    for scope in SyncScope.objects.filter(state=ScopeState.HELD):
        assert holds.decide(scope, decision, by)
