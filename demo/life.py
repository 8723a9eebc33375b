"""Time goes by: resources are scanned, start, stop, expire, get fixed and vanish; findings come and are closed."""

from __future__ import annotations

from collections.abc import Callable

from demo import words
from demo.catalog import vulnerabilities
from demo.organization import Organization, Resource
from demo.transitions import settle_by_time

DAY = 86400.0
LIVELY_TYPES = ("AWS_EC2_INSTANCE", "AWS_ECR_CONTAINER_IMAGE", "AWS_LAMBDA_FUNCTION")
SCANNED = ("SUCCESSFUL",)
FIXABLE = ("UNMANAGED_EC2_INSTANCE", "STALE_INVENTORY", "NO_INVENTORY", "INTERNAL_ERROR", "ACCESS_DENIED")


def live(organization: Organization, now: float) -> None:
    """One step of life in every Region: about one resource in 200 changes, one in 20 is scanned again."""
    settle_by_time(organization, now)
    for region in organization.regions:
        for resource_type in LIVELY_TYPES:
            rows = organization.lists(region, [resource_type])[0]
            if not rows:
                continue
            for resource in _some(organization, rows, 0.05):
                rescan(organization, resource, now)
            for resource in _some(organization, rows, 0.005):
                change(organization, resource, now)
            if organization.random.random() < min(1.0, len(rows) / 400):
                appear(organization, organization.random.choice(rows), now)
        forget_closed(organization, region, now)


def _some(organization: Organization, rows: list[Resource], share: float) -> list[Resource]:
    """A few of the rows; of a short list now and then one."""
    exact = len(rows) * share
    count = int(exact) + (organization.random.random() < exact - int(exact))
    return organization.random.sample(rows, count)


def rescan(organization: Organization, resource: Resource, now: float) -> None:
    """A resource that is scanned was scanned just now; now and then that finds something or sees something fixed."""
    if resource.code != "ACTIVE" or resource.reason not in SCANNED:
        return
    organization.change(resource, lastScannedAt=round(now - organization.random.uniform(0, 60), 3))
    chance = organization.random.random()
    active = [one for one in organization.findings_of(resource) if one.status == "ACTIVE"]
    if chance < 0.06:
        kind = "os" if resource.resource_type != "AWS_LAMBDA_FUNCTION" else "library"
        _, severity, details = organization.random.choice([one for one in vulnerabilities() if one[0] == kind])
        if resource.scan_type == "PACKAGE" and all(one.details is not details for one in active):
            organization.add_finding(resource, severity=severity, details=details, first_observed_at=now)
    elif chance < 0.12 and active:
        organization.change(organization.random.choice(active), status="CLOSED", updated_at=now)
    elif chance < 0.13 and active:
        organization.change(organization.random.choice(active), status="SUPPRESSED", updated_at=now)


def change(organization: Organization, resource: Resource, now: float) -> None:
    """The next thing in a resource's life, by the reason it has now."""
    chance = organization.random.random()
    if resource.reason == "RESOURCE_TERMINATED":
        organization.remove(resource)
    elif resource.reason in ("PENDING_INITIAL_SCAN", "EC2_INSTANCE_STOPPED"):
        organization.change(resource, code="ACTIVE", reason="SUCCESSFUL", lastScannedAt=now)
    elif resource.reason in FIXABLE and chance < 0.6:
        organization.change(resource, code="ACTIVE", reason="PENDING_INITIAL_SCAN")
    elif resource.reason in SCANNED and chance < 0.7:
        AFTER_SCANNED[resource.resource_type](organization, resource, now)
    elif chance > 0.85:
        terminate(organization, resource, now)


def _after_instance(organization: Organization, resource: Resource, now: float) -> None:
    reason = organization.random.choice(("EC2_INSTANCE_STOPPED", "EC2_INSTANCE_STOPPED", "STALE_INVENTORY"))
    organization.change(resource, code="INACTIVE", reason=reason)


def _after_image(organization: Organization, resource: Resource, now: float) -> None:
    expire(organization, resource, now)


def _after_function(organization: Organization, resource: Resource, now: float) -> None:
    if organization.random.random() < 0.5:
        expire(organization, resource, now)
    else:
        terminate(organization, resource, now)


AFTER_SCANNED: dict[str, Callable[[Organization, Resource, float], None]] = {
    "AWS_EC2_INSTANCE": _after_instance,
    "AWS_ECR_CONTAINER_IMAGE": _after_image,
    "AWS_LAMBDA_FUNCTION": _after_function,
}


def expire(organization: Organization, resource: Resource, now: float) -> None:
    """Scan eligibility ends, and with it the findings."""
    organization.change(resource, code="INACTIVE", reason="SCAN_ELIGIBILITY_EXPIRED")
    close_findings(organization, resource, now)


def terminate(organization: Organization, resource: Resource, now: float) -> None:
    """The resource is gone in its own service; Inspector lists it a little longer."""
    organization.change(resource, code="INACTIVE", reason="RESOURCE_TERMINATED")
    close_findings(organization, resource, now)


def close_findings(organization: Organization, resource: Resource, now: float) -> None:
    for finding in organization.findings_of(resource):
        if finding.status != "CLOSED":
            organization.change(finding, status="CLOSED", updated_at=now)


def appear(organization: Organization, beside: Resource, now: float) -> None:
    """A new resource in the account, and for an image in the repository, of one that is there already."""
    random, region, account_id = organization.random, beside.region, beside.account_id
    if beside.resource_type == "AWS_EC2_INSTANCE":
        name = f"{random.choice(words.INSTANCE_ROLES)}-{random.randint(100, 999)}"
        tags = {"team": random.choice(words.TEAMS)}
        new = organization.add_instance(region=region, account_id=account_id, name=name, tags=tags, scan_mode=None)
    elif beside.resource_type == "AWS_ECR_CONTAINER_IMAGE":
        repository = beside.metadata.get("ecrRepository") or {"name": "shop/new"}
        new = organization.add_image(
            region=region,
            account_id=account_id,
            repository=repository["name"],
            frequency=repository.get("scanFrequency"),
            pulled_at=now,
            tags=["main"],
        )
    else:
        verb, noun = random.choice(words.FUNCTION_VERBS), random.choice(words.FUNCTION_NOUNS)
        name = f"{verb}-{noun}-{random.getrandbits(24):06x}"
        runtime = random.choice(words.RUNTIMES)
        new = organization.add_function(region=region, account_id=account_id, name=name, runtime=runtime)
    organization.change(new, code="ACTIVE", reason="PENDING_INITIAL_SCAN")


def forget_closed(organization: Organization, region: str, now: float) -> None:
    """Inspector deletes a finding 30 days after it was closed, 3 days if its resource is gone or no longer scanned."""
    for finding in list(organization.findings(region)):
        if finding.status == "CLOSED":
            kept = 3 if finding.resource.reason in ("RESOURCE_TERMINATED", "SCAN_ELIGIBILITY_EXPIRED") else 30
            if finding.updated_at < now - kept * DAY:
                organization.remove(finding)
