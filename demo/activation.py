"""Inspector's account-level changes: scan types, members, automatic activation, settings."""

from __future__ import annotations

import json
from typing import Any

from demo.accounts import (
    DEFAULT_SETTINGS,
    NO_ACCESS,
    asked_accounts,
    auto_enable,
    batch_get_member_ec2_deep_inspection_status,
    deep_inspection,
    is_admin,
    overall_status,
    reachable,
    refusal,
    require_admin,
    target_account,
)
from demo.calls import Answer, Call, Operation
from demo.errors import AwsError, denied, invalid
from demo.organization import SCAN_TYPES, WIRE_NAMES, Account, Organization, Row
from demo.transitions import begin_transition

RESOURCE_TYPES = ("EC2", "ECR", "LAMBDA", "LAMBDA_CODE", "CODE_REPOSITORY")


def enable(organization: Organization, call: Call) -> Answer:
    """Begin to activate scan types; the answer says ENABLING, the status settles later."""
    types = _resource_types(call)
    if not types:
        raise invalid("resourceTypes takes 1 to 6 values", field="resourceTypes")
    return _once(organization, call, lambda: _switch(organization, call, types, "ENABLED"))


def disable(organization: Organization, call: Call) -> Answer:
    """Begin to deactivate scan types; without any, all of them. Never open to a member."""
    types = _resource_types(call) or list(RESOURCE_TYPES)
    account = organization.accounts.get(call.account_id)
    if account is not None and account.is_member(call.region):
        message = f"Member account {call.account_id} is not authorized to disable itself"
        raise AwsError("AccessDeniedException", message)
    return _once(organization, call, lambda: _switch(organization, call, types, "DISABLED"))


def _resource_types(call: Call) -> list[str]:
    types = call.params.get("resourceTypes") or []
    if len(types) > 6:
        raise invalid("resourceTypes takes 1 to 6 values", field="resourceTypes")
    for one in types:
        if one not in RESOURCE_TYPES:
            raise invalid(f"'{one}' is not one of {', '.join(RESOURCE_TYPES)}", field="resourceTypes")
    return list(types)


def _once(organization: Organization, call: Call, change: Any) -> Answer:
    """The answer of the first call with this clientToken; with other parameters the token is a conflict."""
    token = call.params.get("clientToken")
    if token is None:
        return dict(change())
    key = (call.account_id, f"{call.region} {call.operation} {token}")
    asked = json.dumps(dict(call.params), sort_keys=True)
    known = organization.answered.get(key)
    if known is None:
        known = organization.answered[key] = {"asked": asked, "answer": change()}
    if known["asked"] != asked:
        raise AwsError(
            "ConflictException",
            "The clientToken was used with other parameters",
            resourceId=token,
            resourceType="clientToken",
        )
    return dict(known["answer"])


def _switch(organization: Organization, call: Call, types: list[str], target: str) -> Answer:
    unsupported = "LAMBDA_CODE" in types and call.region not in organization.lambda_code_regions
    if unsupported and call.params.get("resourceTypes"):
        raise AwsError("AccessDeniedException", f"Lambda code scanning is not supported in {call.region}")
    accounts, failed = [], []
    for account_id in asked_accounts(call):
        account = reachable(organization, call, account_id)
        error = _first_error(organization, call, account_id, account, types, target)
        if error is not None:
            failed.append(error)
        elif account is not None:
            for scan_type in _with_companions(account, call.region, types, target):
                begin_transition(organization, call.region, account, scan_type, target)
            accounts.append(_statuses(account, call.region))
    return {"accounts": accounts, "failedAccounts": failed}


def _with_companions(account: Account, region: str, types: list[str], target: str) -> list[str]:
    """Deactivating Lambda standard scanning takes code scanning along."""
    both = target == "DISABLED" and "LAMBDA" in types and account.status(region, "LAMBDA_CODE") != "DISABLED"
    return list(dict.fromkeys([*types, *(["LAMBDA_CODE"] if both else [])]))


def _first_error(
    organization: Organization, call: Call, account_id: str, account: Account | None, types: list[str], target: str
) -> Row | None:
    """The failedAccounts entry of this account, or None if the change may begin."""
    for scan_type in types:
        scripted = refusal(organization, call, account_id, scan_type)
        if scripted:
            return _failure(account_id, account, call.region, scripted["code"], scripted["message"])
    if account is None:
        return _failure(account_id, None, call.region, "ACCESS_DENIED", NO_ACCESS)
    if account.state != "ACTIVE":
        return _failure(account_id, account, call.region, "ACCOUNT_IS_ISOLATED", "The account is suspended")
    blocked = account.policy_blocked.intersection(types)
    if blocked:
        text = f"{', '.join(sorted(blocked))} is managed by an organization policy"
        return _failure(account_id, account, call.region, "BLOCKED_BY_ORGANIZATION_POLICY", text)
    return _state_error(organization, call, account, types, target)


def _state_error(organization: Organization, call: Call, account: Account, types: list[str], target: str) -> Row | None:
    """What the present state of the account forbids."""
    region = call.region
    states = {scan_type: account.status(region, scan_type) for scan_type in types}
    if target == "ENABLED":
        lambda_on = account.status(region, "LAMBDA") in ("ENABLED", "ENABLING")
        if "LAMBDA_CODE" in types and "LAMBDA" not in types and not lambda_on:
            text = "Lambda code scanning needs Lambda standard scanning"
            return _failure(account.id, account, region, "ACCESS_DENIED", text)
        if "DISABLING" in states.values():
            return _failure(account.id, account, region, "DISABLE_IN_PROGRESS", "A scan type is being disabled")
        if set(states.values()) == {"ENABLED"}:
            return _failure(account.id, account, region, "ALREADY_ENABLED", "Every scan type is enabled already")
        return None
    if "ENABLING" in states.values():
        return _failure(account.id, account, region, "ENABLE_IN_PROGRESS", "A scan type is being enabled")
    left = {one for one in SCAN_TYPES if account.status(region, one) != "DISABLED"} - set(types)
    has_members = len(organization.visible_accounts(account.id, region)) > 1
    if account.id == call.account_id and is_admin(organization, call) and not left and has_members:
        text = "Disassociate all member accounts first"
        return _failure(account.id, account, region, "DISASSOCIATE_ALL_MEMBERS", text)
    return None


def _failure(account_id: str, account: Account | None, region: str, code: str, message: str) -> Row:
    row: Row = {"accountId": account_id, "errorCode": code, "errorMessage": message}
    return row if account is None else row | _statuses(account, region)


def _statuses(account: Account, region: str) -> Row:
    return {
        "accountId": account.id,
        "status": overall_status(account, region),
        "resourceStatus": {WIRE_NAMES[one]: account.status(region, one) for one in SCAN_TYPES},
    }


def associate_member(organization: Organization, call: Call) -> Answer:
    """Begin an association: CREATED, and ENABLED when the status was read often enough."""
    require_admin(organization, call, "associate member account")
    account = organization.accounts.get(str(call.params["accountId"]))
    if account is None or account.refuses or account.state != "ACTIVE":
        raise denied("associate member account")
    if len(organization.visible_accounts(call.account_id, call.region)) > organization.account_limit:
        raise AwsError(
            "ServiceQuotaExceededException", "The limit of member accounts is reached", resourceId=account.id
        )
    if not account.is_member(call.region):
        account.relationships[call.region] = "CREATED"
        account.related_at[call.region] = organization.clock()
        begin_transition(organization, call.region, account, "MEMBERSHIP", "ENABLED")
    return {"accountId": account.id}


def disassociate_member(organization: Organization, call: Call) -> Answer:
    """End an association; scanning goes on in the account."""
    require_admin(organization, call, "disassociate member account")
    account = organization.accounts.get(str(call.params["accountId"]))
    if account is None or account.relationships.get(call.region) in (None, "REMOVED"):
        raise AwsError("ResourceNotFoundException", "The account is not a member of the invoking account")
    account.relationships[call.region] = "REMOVED"
    account.related_at[call.region] = organization.clock()
    return {"accountId": account.id}


def update_organization_configuration(organization: Organization, call: Call) -> Answer:
    """Replace automatic activation; a member that is left out becomes false."""
    require_admin(organization, call, "update the organization configuration")
    wanted = call.params["autoEnable"]
    if wanted.get("lambdaCode") and not wanted.get("lambda"):
        raise invalid("Lambda code scanning needs Lambda standard scanning", field="autoEnable")
    if wanted.get("lambdaCode") and call.region not in organization.lambda_code_regions:
        raise AwsError("AccessDeniedException", f"Lambda code scanning is not supported in {call.region}")
    organization.auto_enable[call.region] = {name: bool(wanted.get(name)) for name in WIRE_NAMES.values()}
    return {"autoEnable": auto_enable(organization, call.region)}


def update_configuration(organization: Organization, call: Call) -> Answer:
    """Change scan settings of the caller or of one member, or let a member follow its administrator again."""
    account_id = target_account(organization, call, "update the configuration of this account")
    caller = organization.accounts.get(call.account_id)
    if caller is not None and caller.is_member(call.region):
        raise denied("update the configuration")
    settings = organization.settings.setdefault((call.region, account_id), {})
    for name in call.params.get("updateConfigurationInheritance") or {}:
        if account_id == call.account_id:
            raise invalid("Only a member can inherit from its administrator", field="updateConfigurationInheritance")
        settings.pop(name, None)
    if "ecrConfiguration" in call.params:
        duration = DEFAULT_SETTINGS["ecrConfiguration"]["rescanDurationState"] | call.params["ecrConfiguration"]
        state = duration | {"status": "SUCCESS", "updatedAt": organization.clock()}
        settings["ecrConfiguration"] = {"rescanDurationState": state}
    if "ec2Configuration" in call.params:
        wanted = call.params["ec2Configuration"]
        configuration: Row = {"scanModeState": {"scanMode": wanted["scanMode"], "scanModeStatus": "SUCCESS"}}
        if "activateVMScanner" in wanted:
            configuration["vmScannerState"] = {"activated": wanted["activateVMScanner"], "status": "SUCCESS"}
        settings["ec2Configuration"] = configuration
    if "amiConfiguration" in call.params:
        status = {"status": "SUCCESS", "updatedAt": organization.clock()}
        settings["amiConfiguration"] = dict(call.params["amiConfiguration"]) | status
    return {}


def update_ec2_deep_inspection_configuration(organization: Organization, call: Call) -> Answer:
    """Set the account's own paths; a member may not deactivate."""
    account = organization.accounts.get(call.account_id)
    active = call.params.get("activateDeepInspection")
    if active is False and account is not None and account.is_member(call.region):
        raise denied("deactivate deep inspection")
    settings = organization.settings.setdefault((call.region, call.account_id), {})
    if call.params.get("packagePaths") is not None:
        settings["packagePaths"] = _paths(call, "packagePaths")
    if active is not None:
        settings["deepInspection"] = active
    return deep_inspection(organization, call.region, call.account_id)


def update_org_ec2_deep_inspection_configuration(organization: Organization, call: Call) -> Answer:
    require_admin(organization, call, "update the deep inspection configuration of the organization")
    settings = organization.settings.setdefault((call.region, call.account_id), {})
    settings["orgPackagePaths"] = _paths(call, "orgPackagePaths")
    return {}


def _paths(call: Call, name: str) -> list[str]:
    paths = call.params[name]
    if len(paths) > 5 or not all(1 <= len(path) <= 512 for path in paths):
        raise invalid(f"{name} takes up to 5 paths of 1 to 512 characters", field=name)
    return list(paths)


def batch_update_member_ec2_deep_inspection_status(organization: Organization, call: Call) -> Answer:
    require_admin(organization, call, "update the deep inspection status of member accounts")
    wanted = call.params["accountIds"]
    if not 1 <= len(wanted) <= 100:
        raise invalid("accountIds takes 1 to 100 accounts", field="accountIds")
    for one in wanted:
        if reachable(organization, call, one["accountId"]) is not None:
            settings = organization.settings.setdefault((call.region, one["accountId"]), {})
            settings["deepInspection"] = one["activateDeepInspection"]
    asked = Call(call.operation, call.region, call.account_id, {"accountIds": [one["accountId"] for one in wanted]})
    return batch_get_member_ec2_deep_inspection_status(organization, asked)


OPERATIONS: dict[str, Operation] = {
    "Enable": enable,
    "Disable": disable,
    "AssociateMember": associate_member,
    "DisassociateMember": disassociate_member,
    "UpdateOrganizationConfiguration": update_organization_configuration,
    "UpdateConfiguration": update_configuration,
    "UpdateEc2DeepInspectionConfiguration": update_ec2_deep_inspection_configuration,
    "UpdateOrgEc2DeepInspectionConfiguration": update_org_ec2_deep_inspection_configuration,
    "BatchUpdateMemberEc2DeepInspectionStatus": batch_update_member_ec2_deep_inspection_status,
}
