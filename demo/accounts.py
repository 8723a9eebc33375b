"""Inspector's account-level reads: who am I, members, statuses, organization configuration, settings, usage."""

from __future__ import annotations

from typing import Any

from demo.calls import Answer, Call, Operation
from demo.errors import AwsError, denied, invalid
from demo.organization import SCAN_TYPES, WIRE_NAMES, Account, Organization, Row
from demo.paging import make_token, page_size, read_token
from demo.transitions import settle

NO_ACCESS = "Invoking account does not have access to this account"
DEFAULT_SETTINGS: dict[str, Any] = {
    "ecrConfiguration": {
        "rescanDurationState": {
            "rescanDuration": "DAYS_90",
            "status": "SUCCESS",
            "pullDateRescanDuration": "DAYS_90",
            "pullDateRescanMode": "LAST_PULL_DATE",
            "updatedAt": 1_700_000_000.0,
        }
    },
    "ec2Configuration": {"scanModeState": {"scanMode": "EC2_HYBRID", "scanModeStatus": "SUCCESS"}},
}


def is_admin(organization: Organization, call: Call) -> bool:
    return organization.admins.get(call.region) == call.account_id


def require_admin(organization: Organization, call: Call, what: str) -> None:
    """Inspector's 403 for everybody but the delegated administrator of this Region."""
    if not is_admin(organization, call):
        raise denied(what)


def asked_accounts(call: Call, most: int = 100, name: str = "accountIds") -> list[str]:
    """The ids in the request, checked; the caller's own where it named none."""
    ids = call.params.get(name)
    if not ids:
        return [call.account_id]
    if len(ids) > most:
        raise invalid(f"{name} takes at most {most} accounts", field=name)
    for one in ids:
        if not (isinstance(one, str) and len(one) == 12 and one.isdigit()):
            raise invalid(f"'{one}' is not an account id", field=name)
    return list(ids)


def reachable(organization: Organization, call: Call, account_id: str) -> Account | None:
    """The account if this caller may ask about it: itself, or a member of its own, suspended ones included."""
    account = organization.accounts.get(account_id)
    if account is None or account.refuses:
        return None
    suspended = is_admin(organization, call) and account.relationships.get(call.region) == "ACCOUNT_SUSPENDED"
    visible = organization.visible_accounts(call.account_id, call.region)
    return account if suspended or account_id in visible else None


def refusal(organization: Organization, call: Call, account_id: str, scan_type: str = "") -> Row | None:
    """The scripted per-account error for this call, if there is one; the last one added wins."""
    for one in reversed(organization.refusals):
        wanted = {"operation": call.operation, "region": call.region, "scan_type": scan_type}
        if one["account_id"] == account_id and all(one[name] in ("", value) for name, value in wanted.items()):
            if one.get("times") is None:
                return one
            if one["times"] > 0:
                one["times"] -= 1
                return one
    return None


def get_delegated_admin_account(organization: Organization, call: Call) -> Answer:
    """Who administers the caller; for the administrator itself the answer is an error, as AWS has it."""
    admin = organization.admins.get(call.region)
    if admin == call.account_id:
        raise invalid("Invoking account is the delegated admin.", reason="OTHER")
    account = organization.accounts.get(call.account_id)
    if admin is None or account is None or not account.relationships.get(call.region):
        raise AwsError("ResourceNotFoundException", "No delegated admin account found for the invoking account")
    return {"delegatedAdmin": {"accountId": admin, "relationshipStatus": account.relationships[call.region]}}


def list_delegated_admin_accounts(organization: Organization, call: Call) -> Answer:
    page_size(call.params, 5)
    if call.account_id != organization.management:
        raise denied("list delegated admin accounts")
    admin = organization.admins.get(call.region)
    return {"delegatedAdminAccounts": [{"accountId": admin, "status": "ENABLED"}] if admin else []}


def list_members(organization: Organization, call: Call) -> Answer:
    """Members in the order of their ids; the administrator is not among them."""
    require_admin(organization, call, "list member accounts")
    size = page_size(call.params, 50)
    after = read_token(call) or ""
    only_associated = call.params.get("onlyAssociated", True)
    members = [
        account
        for account in sorted(organization.accounts.values(), key=lambda one: one.id)
        if account.id > after
        and (status := account.relationships.get(call.region))
        and account.id != call.account_id
        and not (only_associated and status in ("REMOVED", "RESIGNED", "DELETED"))
    ]
    answer: Answer = {"members": [_member(organization, call, one) for one in members[:size]]}
    if len(members) > size:
        answer["nextToken"] = make_token(call, members[size - 1].id)
    return answer


def get_member(organization: Organization, call: Call) -> Answer:
    require_admin(organization, call, "get member account")
    account = organization.accounts.get(str(call.params["accountId"]))
    if account is None or call.region not in account.relationships:
        raise AwsError("ResourceNotFoundException", "The account is not a member of the invoking account")
    return {"member": _member(organization, call, account)}


def _member(organization: Organization, call: Call, account: Account) -> Row:
    settle(organization, call.region, account, membership=True)
    return {
        "accountId": account.id,
        "relationshipStatus": account.relationships[call.region],
        "delegatedAdminAccountId": organization.admins[call.region],
        "updatedAt": account.related_at.get(call.region, account.joined_at),
    }


def batch_get_account_status(organization: Organization, call: Call) -> Answer:
    """State of each account; accounts out of reach come in failedAccounts, with HTTP 200 all the same."""
    accounts, failed = [], []
    for account_id in asked_accounts(call):
        account = reachable(organization, call, account_id)
        scripted = refusal(organization, call, account_id)
        if scripted or account is None:
            code = scripted["code"] if scripted else "ACCESS_DENIED"
            message = scripted["message"] if scripted else NO_ACCESS
            failed.append({"accountId": account_id, "errorCode": code, "errorMessage": message})
            continue
        settle(organization, call.region, account)
        accounts.append(account_state(account, call.region))
    return {"accounts": accounts, "failedAccounts": failed}


def account_state(account: Account, region: str) -> Row:
    """The structure of one account; AWS sends no error members in the good case."""
    return {
        "accountId": account.id,
        "state": {"status": overall_status(account, region)},
        "resourceState": {
            WIRE_NAMES[scan_type]: {"status": account.status(region, scan_type)} for scan_type in SCAN_TYPES
        },
    }


def overall_status(account: Account, region: str) -> str:
    """The account's own status: the strongest of its scan types'."""
    if account.state == "SUSPENDED":
        return "SUSPENDED"
    found = {account.status(region, scan_type) for scan_type in SCAN_TYPES}
    order = ("ENABLED", "ENABLING", "DISABLING", "SUSPENDING", "SUSPENDED")
    return next((status for status in order if status in found), "DISABLED")


def describe_organization_configuration(organization: Organization, call: Call) -> Answer:
    require_admin(organization, call, "describe the organization configuration")
    return {
        "autoEnable": auto_enable(organization, call.region),
        "maxAccountLimitReached": organization.max_account_limit_reached,
    }


def auto_enable(organization: Organization, region: str) -> dict[str, bool]:
    """What is activated automatically for newly associated accounts."""
    return dict.fromkeys(WIRE_NAMES.values(), False) | organization.auto_enable.get(region, {})


def target_account(organization: Organization, call: Call, what: str) -> str:
    """The account whose configuration is meant: the caller's own, or a member's if the caller administers it."""
    account_id = str(call.params.get("accountId") or call.account_id)
    if account_id != call.account_id and reachable(organization, call, account_id) is None:
        raise denied(what)
    return account_id


def effective_settings(organization: Organization, region: str, account_id: str) -> Row:
    """An account's settings: its own, else its administrator's, else AWS' defaults."""
    admin = organization.admins.get(region)
    account = organization.accounts.get(account_id)
    inherited = (
        organization.settings.get((region, admin), {}) if admin and account and account.is_member(region) else {}
    )
    return DEFAULT_SETTINGS | inherited | organization.settings.get((region, account_id), {})


def get_configuration(organization: Organization, call: Call) -> Answer:
    account_id = target_account(organization, call, "get the configuration of this account")
    settings = effective_settings(organization, call.region, account_id)
    return {name: value for name, value in settings.items() if name.endswith("Configuration")}


def get_ec2_deep_inspection_configuration(organization: Organization, call: Call) -> Answer:
    return deep_inspection(organization, call.region, call.account_id)


def deep_inspection(organization: Organization, region: str, account_id: str) -> Row:
    """Deep inspection of one account: its own paths, the organization's, and whether it is active."""
    own = organization.settings.get((region, account_id), {})
    admin = organization.admins.get(region) or account_id
    account = organization.accounts.get(account_id)
    active = own.get("deepInspection", account is not None and account.status(region, "EC2") == "ENABLED")
    return {
        "packagePaths": own.get("packagePaths", []),
        "orgPackagePaths": organization.settings.get((region, admin), {}).get("orgPackagePaths", []),
        "status": "ACTIVATED" if active else "DEACTIVATED",
    }


def batch_get_member_ec2_deep_inspection_status(organization: Organization, call: Call) -> Answer:
    require_admin(organization, call, "get the deep inspection status of member accounts")
    ids = call.params.get("accountIds")
    if ids:
        asked_accounts(call)
    else:
        ids = sorted(organization.visible_accounts(call.account_id, call.region) - {call.account_id})
    found, failed = [], []
    for account_id in ids:
        if reachable(organization, call, account_id) is None:
            failed.append({"accountId": account_id, "ec2ScanStatus": "DISABLED", "errorMessage": NO_ACCESS})
        else:
            status = deep_inspection(organization, call.region, account_id)["status"]
            found.append({"accountId": account_id, "status": status})
    return {"accountIds": found, "failedAccountIds": failed}


def list_account_permissions(organization: Organization, call: Call) -> Answer:
    """What the caller's account may switch itself; a type under an Organizations policy is missing."""
    size = page_size(call.params, 1024)
    start = read_token(call) or 0
    service = call.params.get("service")
    account = organization.accounts.get(call.account_id)
    blocked = account.policy_blocked if account else set()
    member = account is not None and account.is_member(call.region)
    operations = ("ENABLE_SCANNING", *(() if member else ("DISABLE_SCANNING",)))
    permissions = [
        {"service": name, "operation": operation}
        for name in ("EC2", "ECR", "LAMBDA")
        if name not in blocked and service in (None, name)
        for operation in (*operations, *(("ENABLE_REPOSITORY", "DISABLE_REPOSITORY") if name == "ECR" else ()))
    ]
    answer: Answer = {"permissions": permissions[start : start + size]}
    if start + size < len(permissions):
        answer["nextToken"] = make_token(call, start + size)
    return answer


def batch_get_free_trial_info(organization: Organization, call: Call) -> Answer:
    """Fifteen days of trial for each scan type, counted from the day the account joined."""
    if not call.params.get("accountIds"):
        raise invalid("accountIds takes 1 to 100 accounts", field="accountIds")
    accounts, failed = [], []
    for account_id in asked_accounts(call):
        account = reachable(organization, call, account_id)
        if account is None:
            failed.append({"accountId": account_id, "code": "ACCESS_DENIED", "message": NO_ACCESS})
            continue
        end = account.joined_at + 15 * 86400
        status = "ACTIVE" if end > organization.clock() else "INACTIVE"
        trials = [
            {"type": scan_type, "start": account.joined_at, "end": end, "status": status}
            for scan_type in ("EC2", "ECR", "LAMBDA", "LAMBDA_CODE")
            if account.status(call.region, scan_type) == "ENABLED"
        ]
        accounts.append({"accountId": account_id, "freeTrialInfo": trials})
    return {"accounts": accounts, "failedAccounts": failed}


USAGE = {
    ("AWS_EC2_INSTANCE", "PACKAGE"): ("EC2_INSTANCE_HOURS", 720.0, 0.0017466),
    ("AWS_ECR_CONTAINER_IMAGE", "PACKAGE"): ("ECR_RESCAN", 30.0, 0.01),
    ("AWS_LAMBDA_FUNCTION", "PACKAGE"): ("LAMBDA_FUNCTION_HOURS", 720.0, 0.000417),
    ("AWS_LAMBDA_FUNCTION", "CODE"): ("LAMBDA_FUNCTION_CODE_HOURS", 720.0, 0.000833),
}
"""(Resource type, scan type) -> usage type, units in 30 days of one resource, US dollars a unit."""


def list_usage_totals(organization: Organization, call: Call) -> Answer:
    """Use and estimated cost of the last 30 days for each account."""
    size = page_size(call.params, 500)
    visible = organization.visible_accounts(call.account_id, call.region)
    wanted = asked_accounts(call, 7000) if call.params.get("accountIds") else sorted(visible)
    after = read_token(call) or ""
    ids = [one for one in sorted(set(wanted) & visible) if one > after]
    totals = {account_id: dict.fromkeys((usage[0] for usage in USAGE.values()), 0.0) for account_id in ids[:size]}
    for resource in organization.resources(call.region):
        usage = USAGE.get((resource.resource_type, resource.scan_type))
        if usage and resource.account_id in totals and resource.code == "ACTIVE":
            totals[resource.account_id][usage[0]] += usage[1]
    prices = {name: price for name, _, price in USAGE.values()}
    answer: Answer = {
        "totals": [
            {
                "accountId": account_id,
                "usage": [
                    {
                        "type": name,
                        "total": total,
                        "estimatedMonthlyCost": round(total * prices[name], 4),
                        "currency": "USD",
                    }
                    for name, total in usages.items()
                ],
            }
            for account_id, usages in totals.items()
        ]
    }
    if len(ids) > size:
        answer["nextToken"] = make_token(call, ids[size - 1])
    return answer


OPERATIONS: dict[str, Operation] = {
    "GetDelegatedAdminAccount": get_delegated_admin_account,
    "ListDelegatedAdminAccounts": list_delegated_admin_accounts,
    "ListMembers": list_members,
    "GetMember": get_member,
    "BatchGetAccountStatus": batch_get_account_status,
    "DescribeOrganizationConfiguration": describe_organization_configuration,
    "GetConfiguration": get_configuration,
    "GetEc2DeepInspectionConfiguration": get_ec2_deep_inspection_configuration,
    "BatchGetMemberEc2DeepInspectionStatus": batch_get_member_ec2_deep_inspection_status,
    "ListAccountPermissions": list_account_permissions,
    "BatchGetFreeTrialInfo": batch_get_free_trial_info,
    "ListUsageTotals": list_usage_totals,
}
