"""What scanning costs, as AWS estimates it."""

from __future__ import annotations

from django.db import models

from accounts.models.accounts import AccountRows


class AccountUsage(models.Model):
    """Use of Inspector by one account in one Region in the last 30 days, with AWS' own estimate of its cost."""

    account_id = models.CharField(max_length=12)
    region = models.CharField(max_length=32)
    usage = models.JSONField(
        default=list, help_text="AWS' usage of ListUsageTotals: type, total, estimatedMonthlyCost, currency"
    )
    read_at = models.DateTimeField()

    objects = AccountRows["AccountUsage"].as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["region", "account_id"], name="account_usage_key")]
        ordering = ["region", "account_id"]

    def __str__(self) -> str:
        return f"Usage of {self.account_id} in {self.region}"
