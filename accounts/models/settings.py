"""What the delegated administrator has set in each Region, its history, and what people asked to set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.choices import OPEN_STATES, ItemState, Setting
from accounts.models.accounts import AccountRows
from accounts.models.people import Person

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser


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


class SettingsRequestQuerySet(AccountRows["SettingsRequest"]):
    def visible_to(self, person: Person | AnonymousUser) -> Self:
        """Those of the accounts that this person sees; those of the organization for who sees all of them."""
        if isinstance(person, Person) and person.sees_all_accounts:
            return self
        return super().visible_to(person).exclude(account_id="")

    def open(self) -> Self:
        return self.filter(state__in=OPEN_STATES)

    def due(self) -> Self:
        """To be sent or looked at now."""
        return self.open().filter(waits=False, not_before__lte=timezone.now())


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
    waits = models.BooleanField(default=False, help_text="For a second person to agree")
    approved_by = models.ForeignKey(Person, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    approved_at = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    not_before = models.DateTimeField(
        null=True, blank=True, help_text="When to send or to look next; a worker that takes it moves it on: its lease"
    )
    sent_at = models.DateTimeField(null=True, blank=True)
    settled_at = models.DateTimeField(null=True, blank=True)
    error_code = models.CharField(max_length=100, blank=True, default="")
    error_message = models.TextField(blank=True, default="")
    aws_request_id = models.CharField(max_length=100, blank=True, default="")

    objects = SettingsRequestQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["setting", "region", "account_id"],
                condition=Q(state__in=[state.value for state in OPEN_STATES]),
                name="one_open_setting",
            )
        ]
        ordering = ["-created_at", "-id"]

    def __str__(self) -> str:
        return f"{self.get_setting_display()} in {self.region}, asked for by {self.person}"
