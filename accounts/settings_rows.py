"""What is set for one account, Region by Region, and the addresses where settings are changed."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.urls import reverse

from accounts.choices import Setting
from accounts.configuration.allowed import why_not
from accounts.configuration.kinds import WORDS, kind_of
from accounts.lists import Sheet
from accounts.models import AwsAccount, Person, RegionalAccount
from aws.choices import CallerKind
from coverage_site.drawing import draw_time

__all__ = ["SETTINGS", "WORDS", "address_of_setting", "settings_of"]

SETTINGS = {
    "deep_inspection": "Deep inspection",
    "scanMode": "EC2 scan mode",
    "rescanDuration": "ECR re-scan after the push",
    "pullDateRescanDuration": "ECR re-scan after the last pull or use",
    "pullDateRescanMode": "ECR re-scan counted from",
}
"""Fields of the history that are settings of a member."""


def settings_of(person: Person, account: AwsAccount, sheet: Sheet) -> dict[str, Any]:
    """For the page of the account; why this person changes nothing is said once."""
    return {
        "settings": _rows(person, account, sheet),
        "settings_why_not": why_not(person, Setting.ASSOCIATE, account.account_id, {}) if person.may_activate else "",
    }


def _rows(person: Person, account: AwsAccount, sheet: Sheet) -> list[dict[str, Any]]:
    """What is set for this member alone, Region by Region where we administer it, and where that is changed."""
    rows = []
    administered = sheet.scopes.regions_as(CallerKind.DELEGATED_ADMIN)
    for region in (region for region in sheet.scopes.regions if region in administered):
        row = sheet.regional.get((account.account_id, region))
        if row is not None and row.is_delegated_admin:
            continue
        is_member = row is not None and row.is_member
        other = {"chosen": "1", "status": _other_status(row)}
        cells = [
            {
                "label": setting.label,
                "words": [how for _, how in kind_of(setting).words(kind_of(setting).of_account(row) or {})],
                "address": address_of_setting(setting, region, account.account_id, **chosen),
            }
            for setting, chosen in (
                (Setting.EC2_SCAN_MODE, {}),
                (Setting.ECR_DURATIONS, {}),
                (Setting.DEEP_INSPECTION, other),
            )
        ]
        membership = Setting.DISASSOCIATE if is_member else Setting.ASSOCIATE
        rows.append(
            {
                "region": region,
                "is_member": is_member,
                "relationship": row.relationship_label if row else "Not a member",
                "membership": "Disassociate…" if is_member else "Associate…",
                "membership_address": address_of_setting(membership, region, account.account_id),
                "cells": cells,
                "read_at": draw_time(row.settings_read_at, sheet.now) if row and row.settings_read_at else "",
                "may_change": person.may_activate and not account.departed_at,
            }
        )
    return rows


def _other_status(row: RegionalAccount | None) -> str:
    return "ACTIVATED" if row is not None and row.deep_inspection == "DEACTIVATED" else "DEACTIVATED"


def address_of_setting(setting: Setting, region: str, account_id: str = "", **chosen: str) -> str:
    """Where the change of a setting begins."""
    asked = {"setting": setting.value, "region": region, **({"account": account_id} if account_id else {}), **chosen}
    return f"{reverse('setting-change')}?{urlencode(asked)}"
