"""Who uses the dashboard, with which role, and which accounts they are granted."""

from __future__ import annotations

from typing import Self

from django.contrib.auth.models import AbstractUser
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q

from accounts.choices import Role

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
