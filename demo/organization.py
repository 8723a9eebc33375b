"""The organization that the stand-in serves: accounts, covered resources and findings as plain Python.

Rows are AWS' own dicts as they go over the wire (camelCase, times as epoch seconds), so nothing is translated on the
way out. Nothing here knows of HTTP, of moto or of the product.
"""

from __future__ import annotations

import threading
import time
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from random import Random
from typing import Any, TypeVar

from demo.records import (
    JOINED,
    LAMBDA_CODE_REGIONS,
    ORDINARY_SCAN_TYPES,
    SCAN_TYPES,
    WIRE_NAMES,
    Account,
    Finding,
    Resource,
    Row,
    seconds,
    wire,
)
from demo.transitions import Transition

__all__ = ["SCAN_TYPES", "WIRE_NAMES", "Account", "Finding", "Organization", "Resource", "Row"]


_Numbered = TypeVar("_Numbered", Resource, Finding)


class Organization:
    """An AWS organization with Amazon Inspector in some Regions, changed and read under one lock."""

    def __init__(
        self,
        admin: str,
        regions: Sequence[str],
        *,
        seed: int = 0,
        management: str | None = None,
        standalone: bool = False,
    ) -> None:
        self.id = "o-exampleorg"
        self.root_id = "r-exam"
        self.admin = admin
        """The account that calls by default; the delegated administrator of every Region unless `admins` says not."""
        self.management = management or admin
        self.regions = tuple(regions)
        self.admins: dict[str, str | None] = dict.fromkeys(regions, None if standalone else admin)
        self.not_opted_in: set[str] = set()
        self.lambda_code_regions: set[str] = set(LAMBDA_CODE_REGIONS)
        self.accounts: dict[str, Account] = {}
        self.auto_enable: dict[str, dict[str, bool]] = {}
        self.max_account_limit_reached = False
        self.account_limit = 10_000
        self.settings: dict[tuple[str, str], Row] = {}
        """(Region, account) -> that account's own GetConfiguration and deep inspection settings."""
        self.transitions: dict[tuple[str, str, str], Transition] = {}
        self.settle_reads = 1
        """How many reads of the status still answer ENABLING or DISABLING after a change."""
        self.settle_seconds = 0.0
        """How long, at least, it also stays there."""
        self.refusals: list[Row] = []
        self.answered: dict[tuple[str, str], Row] = {}
        self.dormant: dict[tuple[str, str, str], list[Resource]] = {}
        """(Region, account, scan type) -> resources that came off the list when the type was deactivated."""
        self.random = Random(seed)
        self.clock: Callable[[], float] = time.time
        self.lock = threading.RLock()
        self._serial = 0
        self._lists: dict[tuple[str, str], list[Resource]] = {}
        self._by_id: dict[tuple[str, str], list[Resource]] = {}
        self._findings: dict[str, list[Finding]] = {}
        self._by_arn: dict[tuple[str, str], Finding] = {}
        self._of_resource: dict[tuple[str, str], list[Finding]] = {}

    @classmethod
    def empty(
        cls,
        admin: str = "111111111111",
        regions: Sequence[str] = ("us-east-1", "eu-west-1"),
        *,
        standalone: bool = False,
    ) -> Organization:
        """An organization of one account, for tests that build the rest by hand."""
        organization = cls(admin, regions, standalone=standalone)
        organization.add_account(admin, name="security", ou="Security", member=False)
        return organization

    @classmethod
    def seeded(
        cls, seed: int = 7, accounts: int = 63, resources: int = 6000, now: datetime | None = None
    ) -> Organization:
        """A believable organization; the same arguments give the same organization."""
        from demo.seeding import seed_organization

        return seed_organization(seed, accounts, resources, now)

    def tick(self, now: datetime | None = None) -> None:
        """Let some time go by: resources and findings come, change and go."""
        from demo.life import live

        with self.lock:
            live(self, seconds(now) if now else self.clock())

    # Accounts

    def add_account(
        self,
        account_id: str,
        *,
        name: str = "",
        email: str = "",
        ou: str = "",
        state: str = "ACTIVE",
        member: bool = True,
        scan_types: Mapping[str, Mapping[str, str]] | None = None,
        joined_at: datetime | None = None,
    ) -> Account:
        """Add an account; a member is associated in every Region and has EC2, ECR and Lambda scanning unless told."""
        name = name or f"account-{account_id[-4:]}"
        account = Account(account_id, name, email or f"aws+{name}@example.com", ou, state)
        account.joined_at = seconds(joined_at) if joined_at else JOINED
        for region in self.regions if member else ():
            account.relationships[region] = "ENABLED"
            account.related_at[region] = account.joined_at + 3600
        if scan_types is None and (member or account_id == self.admin) and state == "ACTIVE":
            scan_types = dict.fromkeys(self.regions, ORDINARY_SCAN_TYPES)
        account.scan_types = {region: dict(types) for region, types in (scan_types or {}).items()}
        self.accounts[account_id] = account
        return account

    def refuse(
        self,
        account_id: str,
        code: str,
        *,
        operation: str = "",
        region: str = "",
        scan_type: str = "",
        message: str = "",
        times: int | None = None,
    ) -> None:
        """From now on (or so many times) answer with this per-account error code in failedAccounts.

        Empty arguments match everything.
        """
        self.refusals.append(
            {
                "account_id": account_id,
                "code": code,
                "operation": operation,
                "region": region,
                "scan_type": scan_type,
                "message": message or code.replace("_", " ").capitalize(),
                "times": times,
            }
        )

    def visible_accounts(self, caller: str, region: str) -> set[str]:
        """The accounts whose coverage and findings this caller is shown in this Region."""
        if self.admins.get(region) != caller:
            return {caller}
        return {caller} | {account.id for account in self.accounts.values() if account.is_member(region)}

    # Covered resources

    def add_resource(self, *, region: str | None = None, **raw: Any) -> Resource:
        """Add a coverage row given as AWS' own dict; datetimes become epoch seconds, nothing is checked."""
        row = wire(raw)
        row.setdefault("accountId", self.admin)
        row.setdefault("scanType", "PACKAGE")
        return self.list_resource(Resource(region or self.regions[0], row, 0, self.clock()))

    def list_resource(self, resource: Resource) -> Resource:
        """Put a resource at the end of its list."""
        with self.lock:
            self._serial += 1
            resource.serial = self._serial
            self._lists.setdefault((resource.region, resource.resource_type), []).append(resource)
            self._by_id.setdefault((resource.region, resource.resource_id), []).append(resource)
        return resource

    def add_instance(
        self,
        *,
        region: str | None = None,
        account_id: str | None = None,
        resource_id: str | None = None,
        name: str = "",
        code: str = "ACTIVE",
        reason: str = "SUCCESSFUL",
        tags: Mapping[str, str] | None = None,
        platform: str = "LINUX",
        scan_mode: str | None = "EC2_SSM_AGENT_BASED",
        last_scanned_at: datetime | float | None = None,
        scan_type: str = "PACKAGE",
        ami_id: str | None = None,
    ) -> Resource:
        """Add an EC2 instance; its name goes where AWS keeps it, into the Name tag."""
        named = {"Name": name} if name else {}
        return self.add_resource(
            region=region,
            **_row("AWS_EC2_INSTANCE", resource_id or f"i-{self._hex(17)}", account_id or self.admin, scan_type),
            scanStatus={"statusCode": code, "reason": reason},
            resourceMetadata={
                "ec2": {
                    "tags": named | dict(tags or {}),
                    "amiId": ami_id or f"ami-{self._hex(17)}",
                    "platform": platform,
                }
            },
            **_present(lastScannedAt=last_scanned_at, scanMode=scan_mode),
        )

    def add_repository(
        self,
        *,
        region: str | None = None,
        account_id: str | None = None,
        name: str = "payments/api",
        frequency: str | None = "CONTINUOUS_SCAN",
        code: str = "ACTIVE",
        reason: str = "SUCCESSFUL",
        last_scanned_at: datetime | float | None = None,
    ) -> Resource:
        """Add an ECR repository."""
        region, account_id = region or self.regions[0], account_id or self.admin
        return self.add_resource(
            region=region,
            **_row("AWS_ECR_REPOSITORY", f"arn:aws:ecr:{region}:{account_id}:repository/{name}", account_id),
            scanStatus={"statusCode": code, "reason": reason},
            resourceMetadata={"ecrRepository": _present(name=name, scanFrequency=frequency)},
            **_present(lastScannedAt=last_scanned_at),
        )

    def add_image(
        self,
        *,
        region: str | None = None,
        account_id: str | None = None,
        repository: str | Resource = "payments/api",
        digest: str | None = None,
        tags: Sequence[str] | None = ("latest",),
        frequency: str | None = "CONTINUOUS_SCAN",
        code: str = "ACTIVE",
        reason: str = "SUCCESSFUL",
        last_scanned_at: datetime | float | None = None,
        pulled_at: datetime | float | None = None,
        last_in_use_at: datetime | float | None = None,
        in_use_count: int | None = None,
    ) -> Resource:
        """Add a container image; a repository given as a Resource also gives its Region, account and frequency."""
        if isinstance(repository, Resource):
            region, account_id = repository.region, repository.account_id
            repository_metadata = repository.metadata.get("ecrRepository", {})
            repository = str(repository_metadata.get("name", ""))
        else:
            repository_metadata = _present(name=repository, scanFrequency=frequency)
        region, account_id = region or self.regions[0], account_id or self.admin
        arn = f"arn:aws:ecr:{region}:{account_id}:repository/{repository}"
        return self.add_resource(
            region=region,
            **_row("AWS_ECR_CONTAINER_IMAGE", f"{arn}/{digest or 'sha256:' + self._hex(64)}", account_id),
            scanStatus={"statusCode": code, "reason": reason},
            resourceMetadata={
                "ecrRepository": repository_metadata,
                "ecrImage": _present(
                    tags=list(tags) if tags else None,
                    imagePulledAt=pulled_at,
                    lastInUseAt=last_in_use_at,
                    inUseCount=in_use_count,
                ),
            },
            **_present(lastScannedAt=last_scanned_at),
        )

    def add_function(
        self,
        *,
        region: str | None = None,
        account_id: str | None = None,
        name: str = "send-invoice",
        scan_type: str = "PACKAGE",
        runtime: str = "PYTHON_3_12",
        code: str = "ACTIVE",
        reason: str = "SUCCESSFUL",
        tags: Mapping[str, str] | None = None,
        layers: Sequence[str] = (),
        last_scanned_at: datetime | float | None = None,
    ) -> Resource:
        """Add one row of a Lambda function: PACKAGE is standard scanning, CODE is code scanning."""
        region, account_id = region or self.regions[0], account_id or self.admin
        arn = f"arn:aws:lambda:{region}:{account_id}:function:{name}:$LATEST"
        return self.add_resource(
            region=region,
            **_row("AWS_LAMBDA_FUNCTION", arn, account_id, scan_type),
            scanStatus={"statusCode": code, "reason": reason},
            resourceMetadata={
                "lambdaFunction": {
                    "functionName": name,
                    "runtime": runtime,
                    "functionTags": dict(tags or {}),
                    "layers": list(layers),
                }
            },
            **_present(lastScannedAt=last_scanned_at),
        )

    def change(self, what: Resource | Finding, *, code: str = "", reason: str = "", **changes: Any) -> None:
        """Change a resource (status, or members of AWS' dict) or a finding (its attributes; updatedAt moves)."""
        with self.lock:
            if isinstance(what, Finding):
                for name, value in changes.items():
                    setattr(what, name, wire(value))
                what.updated_at = wire(changes.get("updated_at", self.clock()))
                return
            if code or reason:
                what.row["scanStatus"] = {"statusCode": code or what.code, "reason": reason or what.reason}
            for name, value in changes.items():
                if value is None:
                    what.row.pop(name, None)
                else:
                    what.row[name] = wire(value)

    def remove(self, what: Resource | Finding) -> None:
        """Take a resource off the list, its findings with it, or a single finding."""
        with self.lock:
            if isinstance(what, Finding):
                _delete(self._findings[what.region], what)
                del self._by_arn[what.region, what.arn]
                self._of_resource[what.region, what.resource.resource_id].remove(what)
                return
            self.unlist_resource(what)
            for finding in self.findings_of(what):
                self.remove(finding)

    def unlist_resource(self, resource: Resource) -> None:
        """Take a resource off the list and keep its findings."""
        _delete(self._lists[resource.region, resource.resource_type], resource)
        same = self._by_id[resource.region, resource.resource_id]
        same.remove(resource)
        if not same:
            del self._by_id[resource.region, resource.resource_id]

    def lists(self, region: str, resource_types: Iterable[str] | None = None) -> list[list[Resource]]:
        """The resources of a Region, one list per resource type, each in the order of `serial`."""
        if resource_types is None:
            return [rows for (where, _), rows in self._lists.items() if where == region]
        return [self._lists.get((region, one), []) for one in dict.fromkeys(resource_types)]

    def resources(self, region: str, resource_type: str | None = None) -> Iterator[Resource]:
        """Every resource of a Region."""
        for rows in self.lists(region, None if resource_type is None else [resource_type]):
            yield from rows

    def with_id(self, region: str, resource_id: str) -> list[Resource]:
        """The rows of one resource, one per scan type."""
        return self._by_id.get((region, resource_id), [])

    def truth(self, region: str, resource_type: str | None = None) -> list[Row]:
        """The coverage rows that a complete read by the default caller must find, as they go over the wire."""
        visible = self.visible_accounts(self.admin, region)
        return [one.row for one in self.resources(region, resource_type) if one.account_id in visible]

    # Findings

    def add_finding(
        self,
        resource: Resource,
        *,
        type: str = "PACKAGE_VULNERABILITY",
        severity: str = "HIGH",
        status: str = "ACTIVE",
        first_observed_at: datetime | float | None = None,
        last_observed_at: datetime | float | None = None,
        updated_at: datetime | float | None = None,
        details: Mapping[str, Any] | None = None,
        **overrides: Any,
    ) -> Finding:
        """Add a finding; overrides replace members of AWS' dict, None takes a member away."""
        from demo.catalog import example

        now = self.clock()
        first = wire(first_observed_at) if first_observed_at is not None else now
        last = wire(last_observed_at) if last_observed_at is not None else first
        with self.lock:
            self._serial += 1
            finding = Finding(
                resource=resource,
                arn=overrides.pop("findingArn", None)
                or f"arn:aws:inspector2:{resource.region}:{resource.account_id}:finding/{self._hex(32)}",
                type=type,
                severity=severity,
                status=status,
                first_observed_at=first,
                last_observed_at=last,
                updated_at=wire(updated_at) if updated_at is not None else last,
                serial=self._serial,
                details=details if details is not None else example(type),
                overrides=wire(overrides),
            )
            self._findings.setdefault(resource.region, []).append(finding)
            self._by_arn[resource.region, finding.arn] = finding
            self._of_resource.setdefault((resource.region, resource.resource_id), []).append(finding)
        return finding

    def findings(self, region: str, after: int = 0) -> Iterator[Finding]:
        """The findings of a Region in the order of `serial`, beginning after one."""
        return after_serial(self._findings.get(region, []), after)

    def finding(self, region: str, arn: str) -> Finding | None:
        return self._by_arn.get((region, arn))

    def findings_with_resource_id(self, region: str, resource_id: str) -> list[Finding]:
        """The findings of a resource, whichever of its scan types made them, and after it is gone too."""
        return list(self._of_resource.get((region, resource_id), []))

    def findings_of(self, resource: Resource) -> list[Finding]:
        """The findings that belong to one coverage row."""
        return [
            one
            for one in self.findings_with_resource_id(resource.region, resource.resource_id)
            if one.resource is resource
        ]

    def _hex(self, digits: int) -> str:
        return f"{self.random.getrandbits(digits * 4):0{digits}x}"


def after_serial(rows: list[_Numbered], serial: int) -> Iterator[_Numbered]:
    """The rows of a list that is sorted by `serial`, beginning after one; found without walking over those before."""
    for index in range(bisect_right(rows, serial, key=_serial_of), len(rows)):
        yield rows[index]


def _delete(rows: list[_Numbered], row: _Numbered) -> None:
    del rows[bisect_left(rows, row.serial, key=_serial_of)]


def _serial_of(row: Resource | Finding) -> int:
    return row.serial


def _row(resource_type: str, resource_id: str, account_id: str, scan_type: str = "PACKAGE") -> Row:
    return {"resourceType": resource_type, "resourceId": resource_id, "accountId": account_id, "scanType": scan_type}


def _present(**members: Any) -> Row:
    return {name: value for name, value in members.items() if value is not None}
