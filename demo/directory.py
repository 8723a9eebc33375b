"""AWS Organizations: the accounts with their names, states and organizational units."""

from __future__ import annotations

import hashlib

from demo.calls import Answer, Call, Operation
from demo.errors import AwsError
from demo.organization import Account, Organization, Row
from demo.paging import make_token, page_size, read_token

SERVICE_PRINCIPAL = "inspector2.amazonaws.com"


def require_insight(organization: Organization, call: Call) -> None:
    """Organizations answers its management account and delegated administrators only."""
    if call.account_id not in (organization.management, organization.admin, *organization.admins.values()):
        raise AwsError("AccessDeniedException", "You don't have permissions to access this resource.", 400)


def unit_id(organization: Organization, unit: str) -> str:
    """The id of an organizational unit; the empty path is the root."""
    if not unit:
        return organization.root_id
    return f"ou-{organization.root_id[2:]}-{hashlib.sha256(unit.encode()).hexdigest()[:8]}"


def unit_path(organization: Organization, unit: str) -> str:
    """Organization, root and units from the outside in, as AWS writes a path."""
    names = unit.split("/") if unit else []
    units = [unit_id(organization, "/".join(names[: depth + 1])) for depth in range(len(names))]
    return "/".join((organization.id, organization.root_id, *units)) + "/"


def units(organization: Organization) -> list[str]:
    """The paths of all organizational units, those in between included."""
    found = set()
    for account in organization.accounts.values():
        names = account.ou.split("/") if account.ou else []
        found |= {"/".join(names[: depth + 1]) for depth in range(len(names))}
    return sorted(found)


def account_row(organization: Organization, account: Account) -> Row:
    """One account; Status only where its old enum still has a word for the State."""
    row: Row = {
        "Id": account.id,
        "Arn": f"arn:aws:organizations::{organization.management}:account/{organization.id}/{account.id}",
        "Email": account.email,
        "Name": account.name,
        "State": account.state,
        "Paths": [f"{unit_path(organization, account.ou)}{account.id}/"],
        "JoinedMethod": account.joined_method,
        "JoinedTimestamp": account.joined_at,
    }
    if account.state in ("ACTIVE", "SUSPENDED", "PENDING_CLOSURE"):
        row["Status"] = account.state
    return row


def list_accounts(organization: Organization, call: Call) -> Answer:
    require_insight(organization, call)
    size = page_size(call.params, 20, "MaxResults")
    after = read_token(call, "NextToken") or ""
    accounts = [one for one in sorted(organization.accounts.values(), key=lambda one: one.id) if one.id > after]
    answer: Answer = {"Accounts": [account_row(organization, one) for one in accounts[:size]]}
    if len(accounts) > size:
        answer["NextToken"] = make_token(call, accounts[size - 1].id, "NextToken")
    return answer


def describe_account(organization: Organization, call: Call) -> Answer:
    require_insight(organization, call)
    account = organization.accounts.get(str(call.params.get("AccountId")))
    if account is None:
        raise AwsError("AccountNotFoundException", "You specified an account that doesn't exist.")
    return {"Account": account_row(organization, account)}


def describe_organization(organization: Organization, call: Call) -> Answer:
    management = organization.accounts.get(organization.management)
    return {
        "Organization": {
            "Id": organization.id,
            "Arn": f"arn:aws:organizations::{organization.management}:organization/{organization.id}",
            "FeatureSet": "ALL",
            "MasterAccountArn": f"arn:aws:organizations::{organization.management}:account/{organization.id}/"
            f"{organization.management}",
            "MasterAccountId": organization.management,
            "MasterAccountEmail": management.email if management else "management@example.com",
            "AvailablePolicyTypes": [],
        }
    }


def list_delegated_administrators(organization: Organization, call: Call) -> Answer:
    require_insight(organization, call)
    page_size(call.params, 20, "MaxResults")
    if call.params.get("ServicePrincipal") not in (None, SERVICE_PRINCIPAL):
        return {"DelegatedAdministrators": []}
    admins = sorted({admin for admin in organization.admins.values() if admin in organization.accounts})
    rows = [account_row(organization, organization.accounts[str(admin)]) for admin in admins]
    for row in rows:
        row["DelegationEnabledDate"] = row["JoinedTimestamp"]
        del row["Paths"]
    return {"DelegatedAdministrators": rows}


def list_roots(organization: Organization, call: Call) -> Answer:
    require_insight(organization, call)
    arn = f"arn:aws:organizations::{organization.management}:root/{organization.id}/{organization.root_id}"
    return {"Roots": [{"Id": organization.root_id, "Arn": arn, "Name": "Root", "PolicyTypes": []}]}


def list_organizational_units_for_parent(organization: Organization, call: Call) -> Answer:
    require_insight(organization, call)
    page_size(call.params, 20, "MaxResults")
    parent = call.params.get("ParentId")
    if parent not in {organization.root_id, *(unit_id(organization, unit) for unit in units(organization))}:
        raise AwsError("ParentNotFoundException", "We can't find a root or OU with the ParentId that you specified.")
    children = [unit for unit in units(organization) if unit_id(organization, unit.rpartition("/")[0]) == parent]
    return {"OrganizationalUnits": [_unit(organization, unit) for unit in children]}


def describe_organizational_unit(organization: Organization, call: Call) -> Answer:
    require_insight(organization, call)
    for unit in units(organization):
        if unit_id(organization, unit) == call.params.get("OrganizationalUnitId"):
            return {"OrganizationalUnit": _unit(organization, unit)}
    raise AwsError("OrganizationalUnitNotFoundException", "We can't find an OU with the OrganizationalUnitId.")


def list_parents(organization: Organization, call: Call) -> Answer:
    require_insight(organization, call)
    account = organization.accounts.get(str(call.params.get("ChildId")))
    if account is None:
        raise AwsError("ChildNotFoundException", "We can't find an organizational unit or account with the ChildId.")
    kind = "ORGANIZATIONAL_UNIT" if account.ou else "ROOT"
    return {"Parents": [{"Id": unit_id(organization, account.ou), "Type": kind}]}


def _unit(organization: Organization, unit: str) -> Row:
    identifier = unit_id(organization, unit)
    return {
        "Id": identifier,
        "Arn": f"arn:aws:organizations::{organization.management}:ou/{organization.id}/{identifier}",
        "Name": unit.rpartition("/")[2],
        "Path": unit_path(organization, unit),
    }


OPERATIONS: dict[str, Operation] = {
    "ListAccounts": list_accounts,
    "DescribeAccount": describe_account,
    "DescribeOrganization": describe_organization,
    "ListDelegatedAdministrators": list_delegated_administrators,
    "ListRoots": list_roots,
    "ListOrganizationalUnitsForParent": list_organizational_units_for_parent,
    "DescribeOrganizationalUnit": describe_organizational_unit,
    "ListParents": list_parents,
}
