"""Make our accounts equal to AWS': the organization as a whole, and in each Region members, statuses and settings."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.utils import timezone

from accounts import inspector, organizations
from accounts.activation.locks import BLOCKED
from accounts.choices import RelationshipStatus, ResourceScanType
from accounts.models import (
    BATCH,
    AccountChange,
    ActivationItem,
    AwsAccount,
    OrganizationSettings,
    OrganizationSettingsChange,
    RegionalAccount,
    ScanTypeStatus,
)
from accounts.usage import read_usage, store_usage
from aws import session
from aws.choices import CallerKind, HoldKind, What
from aws.decoding import clean
from aws.errors import Held, ServiceError, describe
from aws.models import GLOBAL, SyncRun
from aws.runs import Run, run_scope

if TYPE_CHECKING:
    from mypy_boto3_inspector2 import Inspector2Client

    from accounts.inspector import AccountStatuses, Caller

log = logging.getLogger(__name__)

ORGANIZATION_FIELDS = ("name", "email", "state", "organizational_unit", "joined_at")
HISTORY_OF_ACCOUNTS = ("state", "organizational_unit")
DEPARTED = "DEPARTED"
REGIONAL_FIELDS = (
    "is_delegated_admin",
    "relationship_status",
    "administrator_id",
    "status",
    "error_code",
    "error_message",
    "unknown_since",
)
MEMBER_SETTINGS = ("scanMode", "rescanDuration", "pullDateRescanDuration", "pullDateRescanMode")
MEMBER_SETTINGS_EVERY = timedelta(days=1)
MEMBER_SETTINGS_A_READ = 50
"""Members whose settings one read asks for: a call for each."""
TYPE_FIELDS = ("status", "error_code", "error_message")


def sync_organization() -> SyncRun:
    """Read names, states and organizational units from AWS Organizations.

    Denied, it fails like any read: what was known stays, and whoever divides by accounts must say that the number of
    accounts is not known.
    """
    return run_scope(What.ORGANIZATION, GLOBAL, "", _read_organization)


def sync_accounts(region: str) -> SyncRun:
    """Read who the caller is in this Region, its members, what is activated in them, and the settings."""
    return run_scope(What.ACCOUNTS, region, "", lambda run: _read_region(run, region))


# --- The organization


def _read_organization(run: Run) -> None:
    region = settings.COVERAGE_REGIONS[0]
    # Only a delegated administrator or the management account may list accounts; both see the same.
    own = str(session.sts(region).get_caller_identity()["Account"])
    run.seen_by(own, CallerKind.DELEGATED_ADMIN)
    client = session.organizations(region)
    listed = {account.account_id: account for account in organizations.list_accounts(client)}
    run.counts.read = len(listed)
    with run.writing() as now:
        known = {account.account_id: account for account in AwsAccount.objects.all()}
        # An account without a state was never listed by Organizations: its absence says nothing.
        present = [account for account in known.values() if account.departed_at is None and account.state]
        _store_listed(run, listed, known, now)
    departing = [account for account in present if account.account_id not in {*listed, own}]
    _hold_if_too_many(run, (account.account_id for account in departing), len(present), "absent from the organization")
    with run.writing() as now:
        for account in departing:
            account.departed_at = now
        AwsAccount.objects.bulk_update(departing, ["departed_at"], batch_size=BATCH)
        AccountChange.objects.bulk_create(
            (_change(account.account_id, "", "state", account.state, DEPARTED, now) for account in departing),
            batch_size=BATCH,
        )
        run.counts.gone = len(departing)


def _store_listed(
    run: Run,
    listed: Mapping[str, organizations.OrganizationAccount],
    known: Mapping[str, AwsAccount],
    now: datetime,
) -> None:
    new, changed, history = [], [], []
    for account_id, account in listed.items():
        facts = {field: getattr(account, field) for field in ORGANIZATION_FIELDS}
        held = known.get(account_id)
        if held is None:
            new.append(AwsAccount(account_id=account_id, first_seen_at=now, **facts))
        elif held.departed_at or any(getattr(held, field) != value for field, value in facts.items()):
            # An account that had no state was known by its id alone: to learn its facts is no change of them.
            if held.state:
                before = {field: getattr(held, field) for field in HISTORY_OF_ACCOUNTS}
                before |= {"state": DEPARTED} if held.departed_at else {}
                history += [_change(account_id, "", field, before[field], facts[field], now) for field in before]
            for field, value in (facts | {"departed_at": None}).items():
                setattr(held, field, value)
            changed.append(held)
    # Another read may learn one of them by its id at this moment.
    AwsAccount.objects.bulk_create(
        new,
        batch_size=BATCH,
        update_conflicts=True,
        unique_fields=["account_id"],
        update_fields=[*ORGANIZATION_FIELDS, "departed_at"],
    )
    AwsAccount.objects.bulk_update(changed, [*ORGANIZATION_FIELDS, "departed_at"], batch_size=BATCH)
    AccountChange.objects.bulk_create(
        (change for change in history if change.from_value != change.to_value), batch_size=BATCH
    )
    run.counts.new, run.counts.changed = len(new), len(changed)


def _hold_if_too_many(run: Run, going: Iterable[str], present: int, words: str) -> None:
    """Keep what a read would take away at once, until a person lets it go.

    To be left with nothing at all is too much however few they were.
    """
    going = sorted(going)
    beyond = len(run.not_released(HoldKind.ABSENT, going))
    is_much = beyond > settings.COVERAGE_HOLD_ROWS and beyond > settings.COVERAGE_HOLD_SHARE * present
    if is_much or (beyond and not run.counts.read):
        run.counts.missing = len(going)
        raise Held(
            f"{len(going):,} of {present:,} accounts are {words}; they are kept until a person confirms it.",
            HoldKind.ABSENT,
            going,
        )


# --- One Region


def _read_region(run: Run, region: str) -> None:
    client = session.inspector(region)
    caller = inspector.who_am_i(session.sts(region), client)
    run.seen_by(caller.account_id, caller.kind)
    is_admin = caller.kind == CallerKind.DELEGATED_ADMIN
    members = {str(member["accountId"]): member for member in inspector.list_members(client)} if is_admin else {}
    organization = inspector.organization_configuration(client) if is_admin else ({}, False)
    configuration = inspector.configuration(client)
    asked = [caller.account_id, *(account_id for account_id, member in members.items() if _is_associated(member))]
    statuses = inspector.account_statuses(client, list(dict.fromkeys(asked)))
    _mark_locked(statuses, caller.account_id, inspector.account_permissions(client))
    settings_of_members = _read_member_settings(client, region, members)
    usage = read_usage(client, region)
    run.counts.read = len({*members, caller.account_id})
    _hold_if_members_vanished(run, region, {*members, caller.account_id})
    with run.writing() as now:
        AwsAccount.objects.ensure({*members, caller.account_id}, now)
        _store_accounts(run, region, caller, members, statuses, now)
        _store_scan_types(run, region, statuses, now)
        store_settings(region, *organization, configuration, now)
        store_member_settings(region, settings_of_members, now)
        store_usage(region, usage, now)


def _hold_if_members_vanished(run: Run, region: str, listed: set[str]) -> None:
    """AWS goes on listing a member that was removed, as REMOVED; one that is not listed at all is unusual."""
    members = RegionalAccount.objects.filter(region=region, relationship_status=RelationshipStatus.ENABLED)
    known = set(members.values_list("account_id", flat=True))
    _hold_if_too_many(run, known - listed, len(known), f"no longer listed among the members in {region}")


def _is_associated(member: Mapping[str, Any]) -> bool:
    """Whether Inspector may be asked for its status: it refuses for those that were removed or never joined."""
    former = {RelationshipStatus.REMOVED, RelationshipStatus.RESIGNED, RelationshipStatus.DELETED}
    return member.get("relationshipStatus") not in former


def _store_accounts(
    run: Run, region: str, caller: Caller, members: Mapping[str, Any], statuses: AccountStatuses, now: datetime
) -> None:
    held = {row.account_id: row for row in RegionalAccount.objects.filter(region=region)}
    new, changed, history = [], [], []
    for account_id in sorted({*members, caller.account_id, *held}):
        row = held.get(account_id)
        facts = _regional_facts(row, account_id, caller, members, statuses, now)
        if row is None:
            new.append(RegionalAccount(account_id=account_id, region=region, first_seen_at=now, **facts))
            if run.scope.last_complete_at and facts["relationship_status"]:
                history.append(_change(account_id, region, "relationship", "", facts["relationship_status"], now))
        elif any(getattr(row, field) != value for field, value in facts.items()):
            if row.relationship_status != facts["relationship_status"]:
                pair = row.relationship_status, facts["relationship_status"]
                history.append(_change(account_id, region, "relationship", *pair, now))
            for field, value in facts.items():
                setattr(row, field, value)
            changed.append(row)
    RegionalAccount.objects.bulk_create(new, batch_size=BATCH)
    RegionalAccount.objects.bulk_update(changed, REGIONAL_FIELDS, batch_size=BATCH)
    AccountChange.objects.bulk_create(history, batch_size=BATCH)
    run.counts.new += len(new)
    run.counts.changed += len(changed)


def _regional_facts(
    row: RegionalAccount | None,
    account_id: str,
    caller: Caller,
    members: Mapping[str, Any],
    statuses: AccountStatuses,
    now: datetime,
) -> dict[str, Any]:
    """What AWS says of the account now. What it refuses to say stays as it was, and is marked as not known since."""
    relationship = _relationship(row, account_id, caller, members)
    is_admin = caller.kind == CallerKind.DELEGATED_ADMIN and account_id == caller.account_id
    facts = {
        "is_delegated_admin": is_admin,
        "relationship_status": relationship,
        "administrator_id": caller.admin_account_id if relationship == RelationshipStatus.ENABLED else "",
    }
    if told := statuses.told.get(account_id):
        state = told.get("state") or {}
        return facts | {
            "status": _word(state.get("status"), 32),
            "error_code": _word(state.get("errorCode"), 100),
            "error_message": clean(str(state.get("errorMessage") or "")),
            "unknown_since": None,
        }
    refused = statuses.refused.get(account_id, {})
    was_asked = account_id == caller.account_id or (account_id in members and _is_associated(members[account_id]))
    return facts | {
        "status": row.status if row else "",
        "error_code": _word(refused.get("errorCode") or ("NOT_ANSWERED" if was_asked else ""), 100),
        "error_message": clean(str(refused.get("errorMessage") or "")),
        "unknown_since": ((row.unknown_since if row else None) or now) if was_asked else None,
    }


def _word(value: object, longest: int) -> str:
    """A word of AWS as our fields take it, also one that nobody knew when they were made."""
    return str(clean(str(value or "")))[:longest]


def _relationship(row: RegionalAccount | None, account_id: str, caller: Caller, members: Mapping[str, Any]) -> str:
    """As ListMembers has it; a member that is no longer listed was removed."""
    if account_id in members:
        return _word(members[account_id].get("relationshipStatus"), 64)
    if account_id == caller.account_id:
        return RelationshipStatus.ENABLED if caller.kind == CallerKind.MEMBER else ""
    return RelationshipStatus.REMOVED if row and row.relationship_status else ""


def _mark_locked(statuses: AccountStatuses, account_id: str, permissions: dict[str, set[str]] | None) -> None:
    """Say of the caller's own scan types what a policy keeps it from activating: its statuses do not tell.

    ListAccountPermissions knows of EC2, ECR and Lambda, and of the caller's own account alone.
    """
    states = statuses.told.get(account_id, {}).get("resourceState") or {}
    if permissions is None:
        return
    for service in inspector.SERVICES:
        state = states.get(ResourceScanType(service).key)
        if not isinstance(state, dict) or "ENABLE_SCANNING" in permissions.get(service, ()):
            continue
        if not state.get("errorCode"):
            state["errorCode"] = BLOCKED
            state["errorMessage"] = "ListAccountPermissions does not let this account activate it."


def _store_scan_types(run: Run, region: str, statuses: AccountStatuses, now: datetime) -> None:
    held = {(row.account_id, row.scan_type): row for row in ScanTypeStatus.objects.filter(region=region)}
    # What a request is changing, the request itself looks at: what this read was told may be older.
    being_changed = set(ActivationItem.objects.open().filter(region=region).values_list("account_id", "scan_type"))
    new, changed, history = [], [], []
    for account_id, account in statuses.told.items():
        for scan_type in ResourceScanType:
            if (account_id, scan_type.value) in being_changed and (account_id, scan_type.value) in held:
                continue
            state = (account.get("resourceState") or {}).get(scan_type.key)
            if not isinstance(state, dict) or not state.get("status"):
                continue
            facts = {
                "status": _word(state["status"], 32),
                "error_code": _word(state.get("errorCode"), 100),
                "error_message": clean(str(state.get("errorMessage") or "")),
            }
            row = held.get((account_id, scan_type.value))
            if row is None:
                new.append(ScanTypeStatus(account_id=account_id, region=region, scan_type=scan_type.value, **facts))
            elif any(getattr(row, field) != value for field, value in facts.items()):
                if row.status != facts["status"]:
                    history.append(_change(account_id, region, scan_type.value, row.status, facts["status"], now))
                    row.changed_at = now
                for field, value in facts.items():
                    setattr(row, field, value)
                changed.append(row)
    ScanTypeStatus.objects.bulk_create(new, batch_size=BATCH)
    ScanTypeStatus.objects.bulk_update(changed, [*TYPE_FIELDS, "changed_at"], batch_size=BATCH)
    AccountChange.objects.bulk_create(history, batch_size=BATCH)
    run.counts.changed += len(changed)


@dataclass(frozen=True)
class MemberSettings:
    """What a member has set in one Region; None of what was not told."""

    deep_inspection: str | None
    configuration: dict[str, Any] | None


def _read_member_settings(
    client: Inspector2Client, region: str, members: Mapping[str, Mapping[str, Any]]
) -> dict[str, MemberSettings]:
    """Deep inspection, EC2 scan mode and ECR durations of members: a few with each read, each of them once a day.

    Inspector tells the configuration of one account a call. Where it refuses, the rest is read without it.
    """
    lately = RegionalAccount.objects.filter(region=region, settings_read_at__gt=timezone.now() - MEMBER_SETTINGS_EVERY)
    known = set(lately.values_list("account_id", flat=True))
    due = [
        account_id
        for account_id, member in sorted(members.items())
        if account_id not in known and member.get("relationshipStatus") == RelationshipStatus.ENABLED
    ][:MEMBER_SETTINGS_A_READ]
    if not due:
        return {}
    try:
        told = inspector.deep_inspection(client, due).told
    except ServiceError as error:
        log.warning("Deep inspection in %s is not told: %s", region, describe(error))
        told = {}
    found = {}
    for account_id in due:
        status = told.get(account_id, {}).get("status")
        try:
            configuration = inspector.configuration(client, account_id)
        except ServiceError as error:
            log.warning("The configuration of %s in %s is not told: %s", account_id, region, describe(error))
            configuration = None
        found[account_id] = MemberSettings(str(status) if status else None, configuration)
    return found


def store_member_settings(region: str, found: Mapping[str, MemberSettings], now: datetime) -> None:
    """What members have set, with its history; what was not told stays as it was."""
    changed, history = [], []
    for row in RegionalAccount.objects.filter(region=region, account_id__in=list(found)):
        told, before = found[row.account_id], _settings_of(row)
        row.deep_inspection = row.deep_inspection if told.deep_inspection is None else told.deep_inspection
        if told.configuration is not None:
            row.configuration = json.loads(json.dumps(clean(told.configuration), default=_text))
        after = _settings_of(row)
        history += [
            _change(row.account_id, region, name, before[name], after[name], now)
            for name in after
            if before[name] and before[name] != after[name]
        ]
        row.settings_read_at = now
        changed.append(row)
    fields = ["deep_inspection", "configuration", "settings_read_at"]
    RegionalAccount.objects.bulk_update(changed, fields, batch_size=BATCH)
    AccountChange.objects.bulk_create(history, batch_size=BATCH)


def _settings_of(row: RegionalAccount) -> dict[str, str]:
    """Setting of a member → its value, as its history names them."""
    leaves = {name.rpartition(".")[2]: value for name, value in _leaves("", row.configuration)}
    return {"deep_inspection": row.deep_inspection} | {name: leaves.get(name, "") for name in MEMBER_SETTINGS}


def store_settings(
    region: str, auto_enable: dict[str, bool], limit_reached: bool, configuration: dict[str, Any], now: datetime
) -> None:
    """The settings as AWS gives them; their history setting by setting. The first sight is no change."""
    facts = {
        "auto_enable": auto_enable,
        "max_account_limit_reached": limit_reached,
        "configuration": json.loads(json.dumps(clean(configuration), default=_text)),
    }
    held = OrganizationSettings.objects.filter(region=region).first()
    if held is None:
        OrganizationSettings.objects.create(region=region, **facts)
        return
    before, after = _flat(held), _flat(OrganizationSettings(region=region, **facts))
    changes = [
        OrganizationSettingsChange(
            region=region,
            setting=name[:64],
            from_value=before.get(name, "")[:512],
            to_value=after.get(name, "")[:512],
            at=now,
        )
        for name in sorted({*before, *after})
        if before.get(name, "") != after.get(name, "")
    ]
    if changes:
        OrganizationSettings.objects.filter(region=region).update(**facts)
        OrganizationSettingsChange.objects.bulk_create(changes)


def _flat(row: OrganizationSettings) -> dict[str, str]:
    """Setting → value as text: `auto_enable.ec2`, `ecrConfiguration.rescanDurationState.rescanDuration`."""
    return dict(
        [
            *_leaves("auto_enable", row.auto_enable),
            ("max_account_limit_reached", str(row.max_account_limit_reached)),
            *_leaves("", row.configuration),
        ]
    )


def _leaves(name: str, value: Any) -> Iterable[tuple[str, str]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _leaves(f"{name}.{key}" if name else str(key), item)
    else:
        yield name, str(value)


def _text(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _change(account_id: str, region: str, field: str, from_value: str, to_value: str, now: datetime) -> AccountChange:
    return AccountChange(
        account_id=account_id, region=region, field=field, from_value=from_value, to_value=to_value, at=now
    )
