"""Who is scanned: AWS accounts, what is activated in them, the organization's settings, and who may see what."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self, TypeVar

from django.contrib.auth.models import AbstractUser
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.choices import (
    OPEN_STATES,
    AccountState,
    Action,
    Event,
    ItemState,
    RelationshipStatus,
    RequestState,
    ResourceScanType,
    Role,
    Setting,
    Status,
)

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

Row = TypeVar("Row", bound=models.Model)

BATCH = 500
"""Rows in one statement: an organization may have 10,000 members with six scan types each."""

account_id_validator = RegexValidator(r"\A[0-9]{12}\Z", "An AWS account id has 12 digits.")


class Person(AbstractUser):
    """Somebody who uses the dashboard. Without a role a person sees nothing."""

    role = models.CharField(max_length=16, choices=Role, blank=True, default="")
    all_accounts = models.BooleanField(
        default=False, help_text="A delegated admin for every account; otherwise only for the granted ones."
    )

    @property
    def sees_all_accounts(self) -> bool:
        if not self.is_active:
            return False
        return self.role in {Role.VIEWER, Role.SITE_ADMIN} or (self.role == Role.DELEGATED_ADMIN and self.all_accounts)

    @property
    def may_sync(self) -> bool:
        """Whether this person may start reads before their time, and say what becomes of what is held."""
        return self.sees_all_accounts and self.role in {Role.DELEGATED_ADMIN, Role.SITE_ADMIN}

    @property
    def sees_granted_accounts(self) -> bool:
        return self.is_active and self.role in {Role.ACCOUNT_VIEWER, Role.DELEGATED_ADMIN}

    @property
    def is_site_admin(self) -> bool:
        """Gives roles and grants, and reads all of the audit."""
        return self.is_active and self.role == Role.SITE_ADMIN

    @property
    def reads_audit(self) -> bool:
        return self.is_active and self.role in {Role.SITE_ADMIN, Role.DELEGATED_ADMIN}

    @property
    def may_activate(self) -> bool:
        """Activate and deactivate scan types in the accounts that this person sees."""
        return self.is_active and self.role == Role.DELEGATED_ADMIN


class AccountGrantQuerySet(models.QuerySet["AccountGrant"]):
    def of(self, person: Person) -> Self:
        """The person's own, and those of their groups."""
        return self.filter(Q(person=person) | Q(group__in=person.groups.all()))


class AccountGrant(models.Model):
    """Lets a person, or everybody of a group, see one AWS account or every account below one organizational unit."""

    person = models.ForeignKey(Person, on_delete=models.CASCADE, null=True, blank=True, related_name="grants")
    group = models.ForeignKey("auth.Group", on_delete=models.CASCADE, null=True, blank=True, related_name="grants")
    account_id = models.CharField(max_length=12, blank=True, default="", validators=[account_id_validator])
    organizational_unit = models.CharField(
        max_length=512, blank=True, default="", help_text="The path in AWS Organizations: o-…/r-…/ou-…"
    )

    objects = AccountGrantQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["person", "account_id", "organizational_unit"],
                condition=Q(person__isnull=False),
                name="grant_key",
            ),
            models.UniqueConstraint(
                fields=["group", "account_id", "organizational_unit"],
                condition=Q(group__isnull=False),
                name="group_grant_key",
            ),
            models.CheckConstraint(
                condition=Q(account_id="") ^ Q(organizational_unit=""), name="grant_account_or_organizational_unit"
            ),
            models.CheckConstraint(
                condition=Q(person__isnull=True) ^ Q(group__isnull=True), name="grant_to_person_or_group"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.person or self.group}: {self.account_id or self.organizational_unit}"


class ClaimRule(models.Model):
    """What a claim of the identity provider gives to whoever logs in with it: a role, a group, or both."""

    claim = models.CharField(max_length=100, default="groups")
    value = models.CharField(max_length=255)
    role = models.CharField(max_length=16, choices=Role, blank=True, default="")
    all_accounts = models.BooleanField(default=False)
    group = models.ForeignKey("auth.Group", on_delete=models.CASCADE, null=True, blank=True, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["claim", "value"], name="claim_rule_key")]
        ordering = ["claim", "value"]

    def __str__(self) -> str:
        return f"{self.claim}={self.value}: {self.role or self.group}"


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


class OrganizationSettings(models.Model):
    """What the delegated administrator has set in one Region, as AWS last said."""

    region = models.CharField(max_length=32, unique=True)
    auto_enable = models.JSONField(default=dict, help_text="AWS' autoEnable: scan type key → true or false")
    max_account_limit_reached = models.BooleanField(default=False)
    configuration = models.JSONField(default=dict, help_text="AWS' GetConfiguration: EC2 scan mode, ECR durations")

    class Meta:
        ordering = ["region"]
        verbose_name_plural = "organization settings"

    def __str__(self) -> str:
        return f"Organization settings in {self.region}"


class OrganizationSettingsChange(models.Model):
    """History of the organization's settings."""

    region = models.CharField(max_length=32)
    setting = models.CharField(max_length=64)
    from_value = models.CharField(max_length=512, blank=True, default="")
    to_value = models.CharField(max_length=512, blank=True, default="")
    at = models.DateTimeField()

    class Meta:
        ordering = ["-at", "-id"]

    def __str__(self) -> str:
        return f"{self.setting} in {self.region}: {self.from_value} → {self.to_value}"


MEMBERSHIP = "MEMBERSHIP"
"""The scan type of an item that associates the account first, so that the others become possible."""


class ActivationRequest(models.Model):
    """What a person asked to activate or deactivate. It is stored before anything is sent, and never changed after."""

    token = models.UUIDField(unique=True, help_text="Of the form: sent twice, it is one request")
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="activation_requests")
    action = models.CharField(max_length=10, choices=Action)
    scan_types = models.JSONField(default=list)
    regions = models.JSONField(default=list)
    reason = models.TextField(blank=True, default="")
    in_waves = models.BooleanField(default=False, help_text="Five accounts first, then a pause, then the rest")
    state = models.CharField(max_length=10, choices=RequestState, default=RequestState.CONFIRMED)
    created_at = models.DateTimeField()
    approved_by = models.ForeignKey(Person, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    approved_at = models.DateTimeField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True, help_text="A worker is at it until then")
    settled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at", "-id"]

    def __str__(self) -> str:
        return f"{self.get_action_display()} {', '.join(self.scan_types)}, asked for by {self.person}"


class ActivationItemQuerySet(AccountRows["ActivationItem"]):
    def open(self) -> Self:
        return self.filter(state__in=OPEN_STATES)

    def due(self) -> Self:
        """To be sent or looked at now."""
        return self.open().filter(Q(not_before=None) | Q(not_before__lte=timezone.now()))


class ActivationItem(models.Model):
    """One scan type of one account in one Region within a request, and what AWS said to it."""

    request = models.ForeignKey(ActivationRequest, on_delete=models.PROTECT, related_name="items")
    account_id = models.CharField(max_length=12)
    region = models.CharField(max_length=32)
    scan_type = models.CharField(max_length=32, help_text="A ResourceScanType, or MEMBERSHIP")
    from_status = models.CharField(max_length=32, blank=True, default="", help_text="When it was asked for")
    status = models.CharField(max_length=32, blank=True, default="", help_text="As AWS last said")
    state = models.CharField(max_length=10, choices=ItemState, default=ItemState.PLANNED)
    client_token = models.UUIDField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    not_before = models.DateTimeField(null=True, blank=True, help_text="When to send or to look next")
    sent_at = models.DateTimeField(null=True, blank=True)
    settled_at = models.DateTimeField(null=True, blank=True)
    error_code = models.CharField(max_length=100, blank=True, default="")
    error_message = models.TextField(blank=True, default="")
    aws_request_id = models.CharField(max_length=100, blank=True, default="")

    objects = ActivationItemQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["request", "account_id", "region", "scan_type"], name="item_key"),
            models.UniqueConstraint(
                fields=["account_id", "region", "scan_type"],
                condition=Q(state__in=[state.value for state in OPEN_STATES]),
                name="one_open_change",
            ),
        ]
        indexes = [models.Index(fields=["state", "not_before"], name="item_due")]
        ordering = ["account_id", "region", "scan_type"]

    def __str__(self) -> str:
        return f"{self.scan_type} of {self.account_id} in {self.region}: {self.state}"

    state_read = ""
    """The state in the database when the row was read: it is written only if it is still that."""

    @classmethod
    def from_db(cls, *row: Any, **options: Any) -> Self:
        item = super().from_db(*row, **options)
        item.state_read = item.state
        return item

    @property
    def is_due(self) -> bool:
        return self.state in OPEN_STATES and (self.not_before is None or self.not_before <= timezone.now())


class SettingsRequest(models.Model):
    """A change of the organization's settings, of one account's configuration, or of a membership, in one Region."""

    token = models.UUIDField(unique=True)
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="settings_requests")
    setting = models.CharField(max_length=32, choices=Setting)
    region = models.CharField(max_length=32)
    account_id = models.CharField(max_length=12, blank=True, default="", help_text="Empty: the organization")
    before = models.JSONField(
        default=dict, help_text="As the form showed it: if AWS has something else, nothing is sent"
    )
    wanted = models.JSONField(default=dict)
    reason = models.TextField(blank=True, default="")
    state = models.CharField(max_length=10, choices=ItemState, default=ItemState.PLANNED)
    created_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True, blank=True)
    error_code = models.CharField(max_length=100, blank=True, default="")
    error_message = models.TextField(blank=True, default="")
    aws_request_id = models.CharField(max_length=100, blank=True, default="")

    class Meta:
        ordering = ["-created_at", "-id"]

    def __str__(self) -> str:
        return f"{self.get_setting_display()} in {self.region}, asked for by {self.person}"


class AuditEventQuerySet(AccountRows["AuditEvent"]):
    def readable_by(self, person: Person) -> Self:
        """Site admins read everything, delegated admins what was done to the accounts that they see."""
        if person.is_site_admin:
            return self
        return self.exclude(account_id="").visible_to(person) if person.reads_audit else self.none()


class AuditEvent(models.Model):
    """Who did what, when, from where, on what. Rows are added and never changed: the database itself refuses.

    People and requests are named and not referenced, so that nothing that happens to them reaches the audit.
    """

    at = models.DateTimeField()
    event = models.CharField(max_length=20, choices=Event)
    actor = models.CharField(max_length=150, blank=True, default="", help_text="Empty: nobody logged in")
    ip = models.GenericIPAddressField(null=True, blank=True)
    account_id = models.CharField(max_length=12, blank=True, default="")
    region = models.CharField(max_length=32, blank=True, default="")
    scan_type = models.CharField(max_length=32, blank=True, default="")
    subject = models.CharField(max_length=512, blank=True, default="", help_text="The person, address, scope or file")
    from_value = models.CharField(max_length=512, blank=True, default="")
    to_value = models.CharField(max_length=512, blank=True, default="")
    reason = models.TextField(blank=True, default="")
    request = models.PositiveBigIntegerField(null=True, blank=True, help_text="The id of the ActivationRequest")
    error_code = models.CharField(max_length=100, blank=True, default="")
    error_message = models.TextField(blank=True, default="")
    aws_request_id = models.CharField(max_length=100, blank=True, default="")

    objects = AuditEventQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["-at", "-id"], name="audit_latest"),
            models.Index(fields=["request"], name="audit_request"),
        ]
        ordering = ["-at", "-id"]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.actor} {self.event}"
