"""What a look at AWS told of a setting, taken over at once, with history: the pages need not wait for the next sync."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from accounts import sync
from accounts.choices import Setting
from accounts.configuration.kinds import Look
from accounts.models import AccountChange, OrganizationSettings, RegionalAccount, SettingsRequest


def store(request: SettingsRequest, now: Look) -> None:
    with transaction.atomic():
        if request.account_id:
            _store_of_account(request, now)
        else:
            _store_of_organization(request, now)


def _store_of_organization(request: SettingsRequest, now: Look) -> None:
    held = OrganizationSettings.objects.filter(region=request.region).first()
    if held is None:
        return
    auto_enable, limit, configuration = held.auto_enable, held.max_account_limit_reached, held.configuration
    if request.setting == Setting.AUTOMATIC_ACTIVATION:
        auto_enable, limit = dict(now.value), bool(now.raw.get("limit_reached"))
    else:
        configuration = now.raw
    sync.store_settings(request.region, auto_enable, limit, configuration, timezone.now())


def _store_of_account(request: SettingsRequest, now: Look) -> None:
    at = timezone.now()
    here = RegionalAccount.objects.filter(account_id=request.account_id, region=request.region)
    if request.setting in {Setting.EC2_SCAN_MODE, Setting.ECR_DURATIONS}:
        sync.store_member_settings(request.region, {request.account_id: sync.MemberSettings(None, now.raw)}, at)
    elif request.setting == Setting.DEEP_INSPECTION:
        told = sync.MemberSettings(str(now.value["status"]), None)
        sync.store_member_settings(request.region, {request.account_id: told}, at)
    else:
        row = here.first() or RegionalAccount(account_id=request.account_id, region=request.region, first_seen_at=at)
        before, status = row.relationship_status, str(now.value["relationship"])
        if before == status:
            return
        row.relationship_status = status
        row.save()
        AccountChange.objects.create(
            account_id=request.account_id,
            region=request.region,
            field="relationship",
            from_value=before,
            to_value=status,
            at=at,
        )
