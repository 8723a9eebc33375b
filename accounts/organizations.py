"""AWS Organizations: names, e-mail addresses, states and organizational units of the accounts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from aws.decoding import clean, is_account_id, read_time
from aws.errors import ReadError, ServiceError, error_code
from aws.paging import pages

if TYPE_CHECKING:
    from mypy_boto3_organizations import OrganizationsClient


NO_ORGANIZATION = "AWSOrganizationsNotInUseException"


@dataclass(frozen=True)
class OrganizationAccount:
    """One account of ListAccounts. The organizational unit is a path: o-…/r-…/ou-…"""

    account_id: str
    name: str
    email: str
    state: str
    organizational_unit: str
    joined_at: datetime | None


def list_accounts(client: OrganizationsClient) -> Iterator[OrganizationAccount]:
    """Every account of the organization; none if AWS says that the caller belongs to no organization."""
    try:
        for page in pages(client, "list_accounts", "Accounts"):
            for item in page:
                yield _account(clean(item))
    except ServiceError as error:
        if error_code(error) != NO_ORGANIZATION:
            raise


def _account(item: dict[str, Any]) -> OrganizationAccount:
    """AWS took `Status` away in favour of `State`; older endpoints still send only the former."""
    if not is_account_id(item.get("Id")):
        raise ReadError("ListAccounts gave an account whose Id is no account id, so the read does not count.")
    return OrganizationAccount(
        account_id=str(item["Id"]),
        name=str(item.get("Name") or "")[:255],
        email=str(item.get("Email") or "")[:320],
        state=str(item.get("State") or item.get("Status") or "")[:32],
        organizational_unit=_unit(item),
        joined_at=read_time(item.get("JoinedTimestamp")),
    )


def _unit(item: dict[str, Any]) -> str:
    """The path without the account's own id behind it; empty if AWS gave none."""
    paths = item.get("Paths") or []
    steps = [step for step in str(paths[0]).split("/") if step] if paths else []
    if steps and steps[-1] == str(item["Id"]):
        steps.pop()
    return "/".join(steps)[:512]
