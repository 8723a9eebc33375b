"""AWS accounts as Organizations and Inspector know them, with the history of what changed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Self, TypeVar

from django.db import models
from django.db.models import Q

from accounts.choices import AccountState, RelationshipStatus, ResourceScanType, Status
from accounts.models.people import AccountGrant, Person, account_id_validator

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

Row = TypeVar("Row", bound=models.Model)

BATCH = 500
"""Rows in one statement: an organization may have 10,000 members with six scan types each."""


class AwsAccountQuerySet(models.QuerySet["AwsAccount"]):
    def visible_to(self, person: Person | AnonymousUser) -> Self:
        """The accounts that this person may know of. Everything else a person sees is narrowed through this."""
        if not isinstance(person, Person):
            return self.none()
        if person.sees_all_accounts:
            return self
        if not person.sees_granted_accounts:
            return self.none()
        grants = AccountGrant.objects.of(person)
        granted = Q(account_id__in=grants.exclude(account_id="").values("account_id"))
        for given in grants.exclude(organizational_unit="").values_list("organizational_unit", flat=True):
            path = given.rstrip("/")
            granted |= Q(organizational_unit=path) | Q(organizational_unit__startswith=path + "/")
        return self.filter(granted)

    def named(self) -> dict[str, str]:
        """Account id → name, for drawing rows."""
        return dict(self.values_list("account_id", "name"))

    def present(self) -> Self:
        return self.filter(departed_at=None)

    def departed(self) -> Self:
        return self.exclude(departed_at=None)

    def ensure(self, account_ids: Iterable[str], seen_at: datetime) -> None:
        """Know these accounts at least by their id: their resources are listed even where Organizations is denied."""
        unknown = set(account_ids).difference(self.values_list("account_id", flat=True))
        accounts = [AwsAccount(account_id=account_id, first_seen_at=seen_at) for account_id in sorted(unknown)]
        self.bulk_create(accounts, ignore_conflicts=True, batch_size=BATCH)


class AwsAccount(models.Model):
    """One AWS account, as AWS Organizations and Inspector know it. Accounts are marked departed, never deleted."""

    account_id = models.CharField(max_length=12, unique=True, validators=[account_id_validator])
    name = models.CharField(max_length=255, blank=True, default="")
    email = models.CharField(max_length=320, blank=True, default="")
    state = models.CharField(max_length=32, blank=True, default="", help_text="In AWS Organizations; empty: not known")
    organizational_unit = models.CharField(max_length=512, blank=True, default="")
    joined_at = models.DateTimeField(null=True, blank=True)
    first_seen_at = models.DateTimeField()
    departed_at = models.DateTimeField(null=True, blank=True, help_text="Absent from the organization since")

    objects = AwsAccountQuerySet.as_manager()

    class Meta:
        ordering = ["account_id"]

    def __str__(self) -> str:
        return self.label

    @property
    def label(self) -> str:
        return self.name or self.account_id

    @property
    def state_label(self) -> str:
        return AccountState(self.state).label if self.state in AccountState else self.state


class AccountRows(models.QuerySet[Row]):
    """Rows that belong to an AWS account by their `account_id`."""

    def visible_to(self, person: Person | AnonymousUser) -> Self:
        if isinstance(person, Person) and person.sees_all_accounts:
            return self
        return self.filter(account_id__in=AwsAccount.objects.visible_to(person).values("account_id"))

    def of_account(self, account_id: str) -> Self:
        return self.filter(account_id=account_id)

    def in_regions(self, regions: list[str]) -> Self:
        return self.filter(region__in=regions)


ASSOCIATED = (
    Q(is_delegated_admin=True)
    | Q(relationship_status=RelationshipStatus.ENABLED)
    | Q(relationship_status="") & ~Q(status="")
)
"""RegionalAccount.is_associated, for the database."""


class RegionalAccountQuerySet(AccountRows["RegionalAccount"]):
    def associated(self) -> Self:
        return self.filter(ASSOCIATED)

    def administrators(self, account_ids: Iterable[str]) -> dict[tuple[str, str], str]:
        """(Account, Region) → the account's delegated administrator. No query for nobody."""
        rows = self.filter(account_id__in=list(account_ids)).exclude(administrator_id="")
        return {(row.account_id, row.region): row.administrator_id for row in rows}


class RegionalAccount(models.Model):
    """One account as Inspector in one Region knows it: its relationship to the administrator and its state."""

    account_id = models.CharField(max_length=12)
    region = models.CharField(max_length=32)
    is_delegated_admin = models.BooleanField(default=False)
    relationship_status = models.CharField(max_length=64, blank=True, default="", help_text="Empty: never associated")
    administrator_id = models.CharField(
        max_length=12, blank=True, default="", help_text="The delegated administrator of this account; empty: none"
    )
    status = models.CharField(max_length=32, blank=True, default="")
    error_code = models.CharField(max_length=100, blank=True, default="")
    error_message = models.TextField(blank=True, default="")
    unknown_since = models.DateTimeField(
        null=True, blank=True, help_text="Inspector refuses to tell this account's state since; what is stored is older"
    )
    deep_inspection = models.CharField(max_length=32, blank=True, default="", help_text="AWS' status; empty: not known")
    configuration = models.JSONField(
        default=dict, help_text="AWS' GetConfiguration of a member: EC2 scan mode, ECR durations; empty: not known"
    )
    settings_read_at = models.DateTimeField(null=True, blank=True, help_text="When these two were read")
    first_seen_at = models.DateTimeField()

    objects = RegionalAccountQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account_id", "region"], name="regional_account_key")]
        ordering = ["account_id", "region"]

    def __str__(self) -> str:
        return f"{self.account_id} in {self.region}"

    @property
    def is_member(self) -> bool:
        return self.is_delegated_admin or self.relationship_status == RelationshipStatus.ENABLED

    @property
    def is_associated(self) -> bool:
        """Whether Inspector counts it among its accounts here: a member, the administrator, or standing alone."""
        return self.is_member or bool(self.status and not self.relationship_status)

    @property
    def relationship_label(self) -> str:
        if self.is_delegated_admin:
            return "Delegated administrator"
        if not self.relationship_status:
            return "Standalone" if self.status else "Not a member"
        known = self.relationship_status in RelationshipStatus
        return RelationshipStatus(self.relationship_status).label if known else self.relationship_status


class ScanTypeStatusQuerySet(AccountRows["ScanTypeStatus"]):
    def switched_off(self, scan_type: str) -> Self:
        return self.filter(scan_type=scan_type, status__in=[Status.DISABLING, Status.DISABLED, Status.SUSPENDED])


class ScanTypeStatus(models.Model):
    """Whether one scan type is activated for one account in one Region, as AWS last said."""

    account_id = models.CharField(max_length=12)
    region = models.CharField(max_length=32)
    scan_type = models.CharField(max_length=32, help_text="A ResourceScanType")
    status = models.CharField(max_length=32)
    error_code = models.CharField(max_length=100, blank=True, default="")
    error_message = models.TextField(blank=True, default="")
    changed_at = models.DateTimeField(null=True, blank=True, help_text="When this dashboard saw the status change")

    objects = ScanTypeStatusQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account_id", "region", "scan_type"], name="scan_type_status_key")
        ]
        ordering = ["account_id", "region", "scan_type"]

    def __str__(self) -> str:
        return f"{self.scan_type} of {self.account_id} in {self.region}: {self.status}"

    @property
    def label(self) -> str:
        return Status(self.status).label if self.status in Status else self.status

    @property
    def scan_type_label(self) -> str:
        return ResourceScanType(self.scan_type).label if self.scan_type in ResourceScanType else self.scan_type


class AccountChange(models.Model):
    """History of an account: a scan type, its relationship, its state or its organizational unit changed."""

    account_id = models.CharField(max_length=12)
    region = models.CharField(max_length=32, blank=True, default="", help_text="Empty: the same in every Region")
    field = models.CharField(max_length=32, help_text="A ResourceScanType, or relationship, state, organizational_unit")
    from_value = models.CharField(max_length=512, blank=True, default="")
    to_value = models.CharField(max_length=512, blank=True, default="")
    at = models.DateTimeField()

    objects = AccountRows["AccountChange"].as_manager()

    class Meta:
        indexes = [models.Index(fields=["account_id", "-at"], name="account_change_latest")]
        ordering = ["-at", "-id"]

    def __str__(self) -> str:
        return f"{self.account_id} {self.field}: {self.from_value} → {self.to_value}"
