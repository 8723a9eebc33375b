"""What changes slowly: a scan type or a membership on its way, and what its arrival does to the resources."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from demo.organization import Account, Organization

SCAN_TYPE_OF_ROW = {
    ("AWS_ACCOUNT", "NETWORK"): "EC2",
    ("AWS_EC2_INSTANCE", "PACKAGE"): "EC2",
    ("AWS_EC2_INSTANCE", "NETWORK"): "EC2",
    ("AWS_ECR_REPOSITORY", "PACKAGE"): "ECR",
    ("AWS_ECR_CONTAINER_IMAGE", "PACKAGE"): "ECR",
    ("AWS_LAMBDA_FUNCTION", "PACKAGE"): "LAMBDA",
    ("AWS_LAMBDA_FUNCTION", "CODE"): "LAMBDA_CODE",
    ("CODE_REPOSITORY", "CODE"): "CODE_REPOSITORY",
    ("MACHINE_IMAGE", "PACKAGE"): "AMI",
}
"""(Resource type, scan type of the row) -> scan type of the account that the row depends on."""
UNDERWAY = {"ENABLED": "ENABLING", "DISABLED": "DISABLING"}
MEMBERSHIP = "MEMBERSHIP"


@dataclass(eq=False)
class Transition:
    """Where something is going, and after how many more reads and at which time it arrives."""

    target: str
    reads_left: int
    due_at: float


def begin_transition(organization: Organization, region: str, account: Account, what: str, target: str) -> None:
    """Set a scan type or a membership on its way; what is there already, or goes there already, stays as it is."""
    if what != MEMBERSHIP:
        if account.status(region, what) in (target, UNDERWAY[target]):
            return
        account.scan_types.setdefault(region, {})[what] = UNDERWAY[target]
    due_at = organization.clock() + organization.settle_seconds
    organization.transitions[region, account.id, what] = Transition(target, organization.settle_reads, due_at)


def settle(organization: Organization, region: str, account: Account, *, membership: bool = False) -> None:
    """Count one read of the account's scan types, or of its membership; a transition that is due arrives."""
    for key, transition in list(organization.transitions.items()):
        if key[:2] == (region, account.id) and (key[2] == MEMBERSHIP) == membership:
            transition.reads_left -= 1
            if transition.reads_left < 0 and organization.clock() >= transition.due_at:
                arrive(organization, region, account, key[2])


def settle_by_time(organization: Organization, now: float) -> None:
    """Let every transition arrive whose time has come, read or not."""
    for (region, account_id, what), transition in list(organization.transitions.items()):
        if now >= transition.due_at:
            arrive(organization, region, organization.accounts[account_id], what)


def arrive(organization: Organization, region: str, account: Account, what: str) -> None:
    """End a transition; resources come on the list or leave it with their scan type."""
    target = organization.transitions.pop((region, account.id, what)).target
    if what == MEMBERSHIP:
        if account.relationships.get(region) == "CREATED":
            account.relationships[region] = target
            _activate_automatically(organization, region, account)
        return
    account.scan_types.setdefault(region, {})[what] = target
    key = (region, account.id, what)
    if target == "DISABLED":
        leaving = [
            one
            for one in organization.resources(region)
            if one.account_id == account.id and SCAN_TYPE_OF_ROW.get((one.resource_type, one.scan_type)) == what
        ]
        for resource in leaving:
            organization.remove(resource)
        organization.dormant[key] = leaving
        return
    for resource in organization.dormant.pop(key, []):
        if resource.resource_type != "AWS_ACCOUNT":
            resource.row["scanStatus"] = {"statusCode": "ACTIVE", "reason": "PENDING_INITIAL_SCAN"}
            resource.row.pop("lastScannedAt", None)
        organization.list_resource(resource)


def _activate_automatically(organization: Organization, region: str, account: Account) -> None:
    """A newly associated account gets the scan types that are activated automatically."""
    from demo.organization import WIRE_NAMES

    wanted = organization.auto_enable.get(region, {})
    for scan_type, name in WIRE_NAMES.items():
        if wanted.get(name) and scan_type not in account.policy_blocked:
            begin_transition(organization, region, account, scan_type, "ENABLED")
