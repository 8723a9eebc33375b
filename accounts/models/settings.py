"""What the delegated administrator has set in each Region, its history, and what people asked to set."""

from __future__ import annotations

from django.db import models

from accounts.choices import ItemState, Setting
from accounts.models.people import Person


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
