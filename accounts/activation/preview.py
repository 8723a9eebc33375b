"""What a request would change: accounts × scan types × Regions, from the database, before anything is sent."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from functools import cached_property

from django.db.models import Count
from django.utils import timezone

from accounts.activation.locks import BLOCKED, NEXT_STEP, Lock
from accounts.choices import AccountState, Action, RelationshipStatus, ResourceScanType, Status
from accounts.models import MEMBERSHIP, ActivationItem, AwsAccount, Person, RegionalAccount, ScanTypeStatus
from aws.choices import CallerKind, What
from aws.models import SyncScope

SWITCHABLE = tuple(scan_type.value for scan_type in ResourceScanType if scan_type != ResourceScanType.AMI)
"""The API takes no value for machine images, though it reports them."""
REFUSAL_COUNTS_FOR = timedelta(days=1)
"""How long an earlier refusal by a policy, or for a whole Region, is believed: nobody tells us when it is lifted."""
NOT_SUPPORTED = "not supported in"
LAMBDA, LAMBDA_CODE = ResourceScanType.LAMBDA.value, ResourceScanType.LAMBDA_CODE.value


class Verdict(Enum):
    CHANGES = "changes"
    COMES_ALONG = "comes along"
    ALREADY = "already so"
    CANNOT = "cannot"


@dataclass(frozen=True)
class Wish:
    """What a person asks for."""

    action: Action
    account_ids: tuple[str, ...]
    regions: tuple[str, ...]
    scan_types: tuple[str, ...]


@dataclass(frozen=True)
class Line:
    """One scan type of one account in one Region: what would become of it, and why not."""

    account_id: str
    region: str
    scan_type: str
    status: str
    verdict: Verdict
    why: str = ""

    @property
    def is_sent(self) -> bool:
        return self.verdict in {Verdict.CHANGES, Verdict.COMES_ALONG}


@dataclass(frozen=True)
class Preview:
    wish: Wish
    lines: tuple[Line, ...]

    def of(self, verdict: Verdict) -> list[Line]:
        return [line for line in self.lines if line.verdict == verdict]

    @cached_property
    def sent(self) -> list[Line]:
        """What a confirmed request sends: never more than this."""
        return [line for line in self.lines if line.is_sent]

    @property
    def digest(self) -> str:
        """Of everything that the person saw: if it differs at the click, they decided about something else."""
        shown = "\n".join(
            f"{line.account_id} {line.region} {line.scan_type} {line.status} {line.verdict.value}"
            for line in self.lines
        )
        return hashlib.sha256(f"{self.wish.action.value}\n{shown}".encode()).hexdigest()


@dataclass(frozen=True)
class Known:
    """What the database knows of the accounts of a wish, read at once."""

    accounts: Mapping[str, AwsAccount]
    regional: Mapping[tuple[str, str], RegionalAccount]
    statuses: Mapping[tuple[str, str, str], str]
    callers: Mapping[str, tuple[str, str]]
    being_changed: Mapping[tuple[str, str, str], int]
    blocked: Mapping[tuple[str, str, str], datetime]
    not_offered: frozenset[tuple[str, str]]
    locked: Mapping[tuple[str, str, str], str] = field(default_factory=dict)
    """Cells of which AWS says with every read that an organization policy locks them, and its words."""
    members: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, account_ids: Iterable[str], regions: Iterable[str]) -> Known:
        ids, wanted = list(account_ids), list(regions)
        here = {"account_id__in": ids, "region__in": wanted}
        lately = ActivationItem.objects.filter(settled_at__gt=timezone.now() - REFUSAL_COUNTS_FOR, region__in=wanted)
        scopes = SyncScope.objects.of(What.ACCOUNTS).filter(region__in=wanted).exclude(caller_kind="")
        associated = RegionalAccount.objects.associated().filter(region__in=wanted).order_by()
        rows = {(row.account_id, row.region, row.scan_type): row for row in ScanTypeStatus.objects.filter(**here)}
        return cls(
            accounts={row.account_id: row for row in AwsAccount.objects.filter(account_id__in=ids)},
            regional={(row.account_id, row.region): row for row in RegionalAccount.objects.filter(**here)},
            statuses={key: row.status for key, row in rows.items()},
            locked={key: row.error_message for key, row in rows.items() if row.error_code == BLOCKED},
            callers={scope.region: (scope.caller_account, scope.caller_kind) for scope in scopes},
            being_changed={
                (item.account_id, item.region, item.scan_type): item.request_id
                for item in ActivationItem.objects.open().filter(**here)
            },
            blocked={
                (item.account_id, item.region, item.scan_type): item.settled_at
                for item in lately.filter(error_code=BLOCKED, account_id__in=ids)
                if item.settled_at
            },
            not_offered=frozenset(
                lately.filter(error_message__contains=NOT_SUPPORTED).values_list("region", "scan_type")
            ),
            members=dict(associated.values_list("region").annotate(Count("pk"))),
        )


def preview(person: Person, wish: Wish) -> Preview:
    """What the wish would change, now. Accounts that the person may not see are left out as if they did not exist."""
    visible = AwsAccount.objects.visible_to(person).filter(account_id__in=wish.account_ids)
    account_ids = sorted(visible.values_list("account_id", flat=True))
    known = Known.of(account_ids, wish.regions)
    lines: list[Line] = []
    for account_id in account_ids:
        for region in wish.regions:
            lines += _of_account(wish, account_id, region, known)
    return Preview(wish, tuple(lines))


def of_cell(action: Action, account_id: str, region: str, scan_type: str, known: Known) -> Line:
    """What would become of one scan type of one account in one Region, asked for alone."""
    wish = Wish(action, (account_id,), (region,), (scan_type,))
    return next(line for line in _of_account(wish, account_id, region, known) if line.scan_type == scan_type)


def _of_account(wish: Wish, account_id: str, region: str, known: Known) -> list[Line]:
    """The lines of one account in one Region, in the order in which they are sent."""
    types = _in_order(wish, account_id, region, known)
    if why := _impossible(wish, account_id, region, known):
        return [
            Line(account_id, region, name, _status(known, account_id, region, name), Verdict.CANNOT, why)
            for name in wish.scan_types
        ]
    lines = [_line(wish, account_id, region, name, known) for name in types]
    joins = not _is_associated(known, account_id, region) and any(line.is_sent for line in lines)
    if joins:
        why = "It is not a member yet: it is associated with the delegated administrator first."
        lines.insert(0, Line(account_id, region, MEMBERSHIP, "", Verdict.COMES_ALONG, why))
    return _with_last_type(wish, lines, account_id, region, known)


def _in_order(wish: Wish, account_id: str, region: str, known: Known) -> list[str]:
    """Lambda standard before Lambda code, and the other way round when deactivating; with what must come along."""
    types = [name for name in SWITCHABLE if name in wish.scan_types]
    if wish.action == Action.ACTIVATE:
        needs_standard = LAMBDA_CODE in types and LAMBDA not in types
        if needs_standard and _status(known, account_id, region, LAMBDA) not in {Status.ENABLED, Status.ENABLING}:
            types.insert(types.index(LAMBDA_CODE), LAMBDA)
        return types
    has_code = _status(known, account_id, region, LAMBDA_CODE) in {Status.ENABLED, Status.ENABLING}
    if LAMBDA in types and LAMBDA_CODE not in types and has_code:
        types.insert(types.index(LAMBDA), LAMBDA_CODE)
    elif LAMBDA in types and LAMBDA_CODE in types:
        types.remove(LAMBDA_CODE)
        types.insert(types.index(LAMBDA), LAMBDA_CODE)
    return types


def _status(known: Known, account_id: str, region: str, scan_type: str) -> str:
    return known.statuses.get((account_id, region, scan_type), "")


def _is_associated(known: Known, account_id: str, region: str) -> bool:
    row = known.regional.get((account_id, region))
    return row is not None and row.is_associated


def _impossible(wish: Wish, account_id: str, region: str, known: Known) -> str:
    """Why nothing can be changed in this account and Region at all; empty if it can."""
    account, row = known.accounts[account_id], known.regional.get((account_id, region))
    caller, kind = known.callers.get(region, ("", ""))
    if account.departed_at:
        return "It left the organization."
    if account.state not in {"", AccountState.ACTIVE}:
        return f"It is {account.state_label.lower()} in AWS Organizations."
    if not kind:
        return f"The accounts of {region} were not read yet."
    if kind == CallerKind.MEMBER and wish.action == Action.DEACTIVATE:
        administrator = f", account {row.administrator_id}," if row and row.administrator_id else ""
        return f"A member account may not deactivate: only its delegated administrator{administrator} may."
    if kind != CallerKind.DELEGATED_ADMIN and account_id != caller:
        return "Only the delegated administrator may change other accounts."
    if row is not None and row.unknown_since:
        return f"Inspector does not tell its state ({row.error_code or 'no answer'}), so it cannot be changed safely."
    if not _is_associated(known, account_id, region):
        if wish.action == Action.DEACTIVATE:
            return "It is not a member: its scan types are its own."
        if row is not None and row.relationship_status not in JOINABLE:
            return f"It cannot be associated: {row.relationship_label.lower()}."
    return ""


JOINABLE = {
    "",
    RelationshipStatus.REMOVED,
    RelationshipStatus.RESIGNED,
    RelationshipStatus.DELETED,
    RelationshipStatus.DISABLED,
}
"""Relationships of accounts that can be associated (again)."""


def _line(wish: Wish, account_id: str, region: str, scan_type: str, known: Known) -> Line:
    key = (account_id, region, scan_type)
    status = _status(known, *key)
    verdict, why = _verdict(wish.action, key, status, known)
    if verdict == Verdict.CHANGES and scan_type not in wish.scan_types:
        verdict, why = Verdict.COMES_ALONG, COMES_ALONG[wish.action]
    return Line(account_id, region, scan_type, status, verdict, why)


COMES_ALONG = {
    Action.ACTIVATE: "Lambda code scanning needs Lambda standard scanning.",
    Action.DEACTIVATE: "Lambda code scanning ends with Lambda standard scanning.",
}


def _verdict(action: Action, key: tuple[str, str, str], status: str, known: Known) -> tuple[Verdict, str]:
    _, region, scan_type = key
    if number := known.being_changed.get(key):
        return Verdict.CANNOT, f"Request {number} is changing it."
    if status == action.target:
        return Verdict.ALREADY, ""
    if status == action.on_the_way:
        return Verdict.ALREADY, "It is under way."
    if status in {Status.ENABLING, Status.DISABLING}:
        return Verdict.CANNOT, "It is still being changed the other way: wait until that is done."
    if status in {Status.SUSPENDED, Status.SUSPENDING}:
        return Verdict.CANNOT, "It is suspended by AWS."
    if action == Action.DEACTIVATE and not status:
        return Verdict.ALREADY, "It was never activated."
    if key in known.locked:
        return Verdict.CANNOT, f"{Lock(known.locked[key])} {NEXT_STEP}"
    if key in known.blocked:
        refused_at = known.blocked[key]
        return Verdict.CANNOT, f"An organization policy refused it on {refused_at.day} {refused_at:%b}. {NEXT_STEP}"
    if action == Action.ACTIVATE and (region, scan_type) in known.not_offered:
        return Verdict.CANNOT, f"Inspector does not offer it in {region}."
    return Verdict.CHANGES, ""


def _with_last_type(wish: Wish, lines: list[Line], account_id: str, region: str, known: Known) -> list[Line]:
    """The administrator cannot switch itself off while it has members."""
    caller, kind = known.callers.get(region, ("", ""))
    is_admin_itself = kind == CallerKind.DELEGATED_ADMIN and account_id == caller
    if wish.action == Action.ACTIVATE or not is_admin_itself or known.members.get(region, 0) <= 1:
        return lines
    if is_last_type(wish, lines, account_id, region, known.statuses):
        why = "The delegated administrator keeps at least one scan type while it has members."
        return [Line(account_id, region, line.scan_type, line.status, Verdict.CANNOT, why) for line in lines]
    return lines


def is_last_type(
    wish: Wish,
    lines: Iterable[Line],
    account_id: str,
    region: str,
    statuses: Mapping[tuple[str, str, str], str],
) -> bool:
    """Whether these lines switch off all that is on: Inspector itself is off then."""
    going = {line.scan_type for line in lines if line.is_sent}
    on = {name for name in SWITCHABLE if statuses.get((account_id, region, name)) in {Status.ENABLED, Status.ENABLING}}
    return wish.action == Action.DEACTIVATE and bool(going) and on <= going
