"""What people asked to activate and deactivate, item by item."""

from __future__ import annotations

from typing import Any, Self

from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.choices import OPEN_STATES, Action, ItemState, RequestState
from accounts.models.accounts import AccountRows
from accounts.models.people import Person

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
