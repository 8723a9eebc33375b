"""Account-level calls of Inspector: who am I, members, what is activated, the organization's settings."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any

from accounts.choices import Action, RelationshipStatus
from aws.choices import CallerKind
from aws.decoding import clean, is_account_id
from aws.errors import DENIED, IncompletePage, ReadError, ServiceError, describe, error_code
from aws.paging import ask, pages

if TYPE_CHECKING:
    from mypy_boto3_inspector2 import Inspector2Client
    from mypy_boto3_sts import STSClient

log = logging.getLogger(__name__)

ACCOUNTS_A_CALL = 100
MEMBERS_A_PAGE = 50
PERMISSIONS_A_PAGE = 1024
SERVICES = ("EC2", "ECR", "LAMBDA")
"""What ListAccountPermissions knows of: nothing of Lambda code scanning."""


@dataclass(frozen=True)
class Caller:
    """The account whose credentials we use, and what Inspector lets it see in one Region."""

    account_id: str
    kind: CallerKind
    admin_account_id: str = ""


@dataclass
class AccountStatuses:
    """BatchGetAccountStatus: what AWS told, account by account, and what it refused to tell."""

    told: dict[str, dict[str, Any]] = field(default_factory=dict)
    refused: dict[str, dict[str, Any]] = field(default_factory=dict)


class NotTold(ReadError):
    """Inspector answered, and does not say what was asked of this account."""


def who_am_i(sts: STSClient, inspector: Inspector2Client) -> Caller:
    """Identify the caller. Raises ReadError for an answer that could mean two things: guessing would hide accounts."""
    account_id = str(sts.get_caller_identity()["Account"])
    admin = _administrator(inspector, account_id)
    if admin == account_id:
        return Caller(account_id, CallerKind.DELEGATED_ADMIN, account_id)
    if admin:
        return Caller(account_id, CallerKind.MEMBER, admin)
    if _may_describe_organization(inspector):
        return Caller(account_id, CallerKind.DELEGATED_ADMIN, account_id)
    if admin is None:
        raise ReadError(
            "IAM denies inspector2:GetDelegatedAdminAccount, so a member and a standalone account cannot be told apart."
        )
    return Caller(account_id, CallerKind.STANDALONE)


class Refusal(Enum):
    """What an error answer says of the caller."""

    ADMINISTRATOR = "It is the delegated administrator: to it AWS answers with an error, and that error is positive."
    NO_ADMINISTRATOR = "It has no administrator."
    BY_INSPECTOR = "Inspector keeps this call to the delegated administrator, which the caller is not."
    BY_IAM = "A policy keeps it from asking, which says nothing of what it is."


def refusal_of(error: ServiceError) -> Refusal | None:
    """Read AWS' error class and words, here alone; None for an error that says nothing of the caller."""
    code, message = error_code(error), str(error.response.get("Error", {}).get("Message", "")).lower()
    if code == "ValidationException" and "is the delegated admin" in message:
        return Refusal.ADMINISTRATOR
    if code == "ResourceNotFoundException":
        return Refusal.NO_ADMINISTRATOR
    if code in DENIED:
        return Refusal.BY_IAM if "is not authorized to perform" in message else Refusal.BY_INSPECTOR
    return None


def _administrator(inspector: Inspector2Client, account_id: str) -> str | None:
    """The delegated administrator, the caller itself if it is; empty if it has none; None if we may not ask."""
    try:
        answer: dict[str, Any] = dict(inspector.get_delegated_admin_account())
    except ServiceError as error:
        refusal = refusal_of(error)
        if refusal is None:
            raise
        if refusal == Refusal.BY_IAM:
            return None
        return account_id if refusal == Refusal.ADMINISTRATOR else ""
    admin = answer.get("delegatedAdmin")
    if admin is None and _is_empty(answer):
        return ""
    if not isinstance(admin, dict) or not admin.get("accountId"):
        raise ReadError("GetDelegatedAdminAccount gave an answer that does not say who the administrator is.")
    is_ours = admin.get("relationshipStatus", RelationshipStatus.ENABLED) == RelationshipStatus.ENABLED
    return str(admin["accountId"]) if is_ours or admin["accountId"] == account_id else ""


def _is_empty(answer: dict[str, Any]) -> bool:
    """Whether AWS said nothing, in so few bytes. botocore makes the same of no bytes or a page of HTML: no answers."""
    length = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("content-length", "")
    return str(length).isdigit() and len("{}") <= int(length) <= len('{ "delegatedAdmin" : null }')


def _may_describe_organization(inspector: Inspector2Client) -> bool:
    """Only the delegated administrator may; everybody else is refused."""
    try:
        answer: dict[str, Any] = dict(inspector.describe_organization_configuration())
    except ServiceError as error:
        if refusal_of(error) == Refusal.BY_INSPECTOR:
            return False
        raise
    if not isinstance(answer.get("autoEnable"), dict):
        raise ReadError("DescribeOrganizationConfiguration answered without autoEnable: who we are is not certain.")
    return True


def list_members(client: Inspector2Client) -> Iterator[dict[str, Any]]:
    """Every member, former ones too. The administrator itself is not among them."""
    for page in pages(client, "list_members", "members", onlyAssociated=False, maxResults=MEMBERS_A_PAGE):
        for member in page:
            if not is_account_id(member.get("accountId")):
                raise ReadError(
                    "ListMembers gave a member whose accountId is no account id, so the read does not count."
                )
            yield member


def account_statuses(client: Inspector2Client, account_ids: Sequence[str]) -> AccountStatuses:
    """The status of each account and scan type, asked in calls of up to 100 accounts.

    What an answer says of accounts that it was not asked for, or without their state, is not told.
    """
    statuses = AccountStatuses()
    for start in range(0, len(account_ids), ACCOUNTS_A_CALL):
        some = list(account_ids[start : start + ACCOUNTS_A_CALL])
        answer = ask(client, "batch_get_account_status", "accounts", accountIds=some)
        statuses.told |= {
            account["accountId"]: account
            for account in answer["accounts"]
            if account.get("accountId") in some and (account.get("state") or {}).get("status")
        }
        statuses.refused |= {
            account["accountId"]: account
            for account in answer.get("failedAccounts") or []
            if account.get("accountId") in some
        }
    return statuses


def account_permissions(client: Inspector2Client) -> dict[str, set[str]] | None:
    """Service (one of SERVICES) → what the caller's own account may do with it. None: it is not told.

    A service that an organization policy manages has fewer operations, or none. Nothing at all is taken for no answer:
    to call everything locked for a mistake would keep people from what they may.
    """
    found: dict[str, set[str]] = {}
    try:
        for page in pages(client, "list_account_permissions", "permissions", maxResults=PERMISSIONS_A_PAGE):
            for one in page:
                found.setdefault(str(one["service"]), set()).add(str(one["operation"]))
    except ServiceError as error:
        log.warning("What this account may switch itself is not told: %s", describe(error))
        return None
    return found or None


@dataclass
class Switched:
    """What AWS answered to Enable or Disable: begun for these accounts, refused for those (code, message)."""

    begun: dict[str, dict[str, str]] = field(default_factory=dict)
    refused: dict[str, tuple[str, str]] = field(default_factory=dict)
    request_id: str = ""


def switch(
    client: Inspector2Client, action: Action, account_ids: Sequence[str], scan_type: str, token: str
) -> Switched:
    """Ask Inspector to activate or deactivate one scan type in up to 100 accounts. It is done later: see the status.

    Only Enable takes a token that makes it safe to repeat; Disable must not be repeated without a look at the status.
    """
    if action == Action.ACTIVATE:
        answer: dict[str, Any] = dict(
            client.enable(accountIds=list(account_ids), resourceTypes=[scan_type], clientToken=token)  # type: ignore[list-item]
        )
    else:
        answer = dict(client.disable(accountIds=list(account_ids), resourceTypes=[scan_type]))  # type: ignore[list-item]
    request_id = str(answer.get("ResponseMetadata", {}).get("RequestId", ""))
    if not isinstance(answer.get("accounts"), list):
        raise IncompletePage(f"{action.label} answered without its accounts: whether it was done is not known.")
    switched = Switched(request_id=request_id)
    for account in answer["accounts"]:
        switched.begun[str(account["accountId"])] = dict(account.get("resourceStatus") or {})
    for account in answer.get("failedAccounts") or []:
        said = (
            str(clean(str(account.get("errorCode") or "UNKNOWN")))[:100],
            str(clean(str(account.get("errorMessage") or ""))),
        )
        switched.refused[str(account["accountId"])] = said
    return switched


def associate(client: Inspector2Client, account_id: str) -> str:
    """Begin to make the account a member. Returns the id of the request at AWS."""
    answer: dict[str, Any] = dict(client.associate_member(accountId=account_id))
    return str(answer.get("ResponseMetadata", {}).get("RequestId", ""))


def organization_configuration(client: Inspector2Client) -> tuple[dict[str, bool], bool]:
    """AWS' autoEnable (scan type key → whether new members get it), and whether the member limit is reached."""
    answer: dict[str, Any] = dict(client.describe_organization_configuration())
    auto_enable = answer.get("autoEnable")
    if not isinstance(auto_enable, dict):
        raise ReadError("DescribeOrganizationConfiguration answered without autoEnable.")
    return {str(key): bool(value) for key, value in auto_enable.items()}, bool(answer.get("maxAccountLimitReached"))


def configuration(client: Inspector2Client, account_id: str = "") -> dict[str, Any]:
    """AWS' GetConfiguration of the caller, or of one of its members: EC2 scan mode and ECR re-scan durations."""
    answer: dict[str, Any] = dict(client.get_configuration(**({"accountId": account_id} if account_id else {})))
    answer.pop("ResponseMetadata", None)
    return answer


def deep_inspection(client: Inspector2Client, account_ids: Sequence[str]) -> AccountStatuses:
    """AWS' deep inspection status of up to 100 members: told, and refused."""
    answer = ask(client, "batch_get_member_ec2_deep_inspection_status", "accountIds", accountIds=list(account_ids))
    return AccountStatuses(
        told={str(one["accountId"]): one for one in answer["accountIds"]},
        refused={str(one["accountId"]): one for one in answer.get("failedAccountIds") or []},
    )


# --- Settings and memberships are changed. Each is one call; the id of the request at AWS comes back.


def disassociate(client: Inspector2Client, account_id: str) -> str:
    return _request_id(client.disassociate_member(accountId=account_id), "accountId")


def set_automatic_activation(client: Inspector2Client, auto_enable: dict[str, bool]) -> str:
    """AWS replaces the whole of it: what is left out becomes false."""
    answer = client.update_organization_configuration(autoEnable=auto_enable)  # type: ignore[arg-type]
    return _request_id(answer, "autoEnable")


def configure(client: Inspector2Client, account_id: str, wanted: Mapping[str, Any]) -> str:
    """Change the caller's configuration, or that of one of its members."""
    whose: dict[str, Any] = {"accountId": account_id} if account_id else {}
    return _request_id(client.update_configuration(**{**whose, **wanted}))


def switch_deep_inspection(client: Inspector2Client, account_id: str, *, on: bool) -> tuple[str, str]:
    """The id of the request at AWS, and in whose words it was refused; empty if it was not."""
    answer: dict[str, Any] = dict(
        client.batch_update_member_ec2_deep_inspection_status(
            accountIds=[{"accountId": account_id, "activateDeepInspection": on}]
        )
    )
    for refused in answer.get("failedAccountIds") or []:
        if refused.get("accountId") == account_id:
            return _request_id(answer), str(refused.get("errorMessage") or "AWS gave no reason.")
    if not isinstance(answer.get("accountIds"), list):
        raise IncompletePage("Deep inspection was answered without its accounts: whether it was done is not known.")
    return _request_id(answer), ""


def _request_id(answer: Any, carries: str = "") -> str:
    """botocore makes an empty answer of a page that is not from AWS: where AWS says something, it must be there."""
    if carries and not answer.get(carries):
        raise IncompletePage(f"AWS answered without {carries}: whether it was done is not known.")
    return str(answer.get("ResponseMetadata", {}).get("RequestId", ""))
