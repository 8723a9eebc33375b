"""The audit."""

from __future__ import annotations

from typing import Self

from django.db import models

from accounts.choices import Event
from accounts.models.accounts import AccountRows
from accounts.models.people import Person


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
