"""The accounts as CSV: one row per account and Region, in AWS' own words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from django.db.models import QuerySet
from django.http import QueryDict

from accounts.lists import Scopes, Sheet, read_sheet
from accounts.models import AwsAccount, Person
from coverage_site.exports import line_of, moment, safe_cell

ACCOUNTS_AT_ONCE = 500
FIRST = ("region", "account_id", "account_name", "relationship", "state", "email", "organizational_unit")
LAST = ("status", "error", "unknown_since")


def exported(
    person: Person, scopes: Scopes, accounts: QuerySet[AwsAccount], scan_types: Sequence[str]
) -> Iterator[str]:
    """The lines of the file, the heading first. An account has a row for every Region that the page speaks of."""
    yield line_of([*FIRST, *(name.lower() for name in scan_types), *LAST])
    found = accounts.iterator(chunk_size=ACCOUNTS_AT_ONCE)
    while chunk := list(islice(found, ACCOUNTS_AT_ONCE)):
        sheet = read_sheet(person, scopes, [account.account_id for account in chunk], QueryDict())
        for account in chunk:
            for region in scopes.regions:
                yield line_of([safe_cell(value) for value in _row(account, region, sheet, scan_types)])


def _row(account: AwsAccount, region: str, sheet: Sheet, scan_types: Sequence[str]) -> list[object]:
    """Empty where it is not known or does not apply. A status that Inspector does not tell now is UNKNOWN."""
    regional = sheet.regional.get((account.account_id, region))
    relationship = sheet.relationships(account.account_id).get(region, "")
    facts = [region, account.account_id, account.name, relationship, account.state, account.email]
    if regional is None or not regional.is_associated:
        return [*facts, account.organizational_unit, *("" for _ in scan_types), "", "", ""]
    rows = [sheet.statuses.get((account.account_id, region, name)) for name in scan_types]
    is_unknown = regional.unknown_since is not None
    errors = [(regional.error_code, regional.error_message)]
    errors += [(row.error_code, row.error_message) for row in rows if row is not None]
    return [
        *facts,
        account.organizational_unit,
        *("UNKNOWN" if is_unknown else row.status if row else "" for row in rows),
        "UNKNOWN" if is_unknown else regional.status,
        "; ".join(dict.fromkeys(": ".join(filter(None, error)) for error in errors if any(error))),
        moment(regional.unknown_since),
    ]
