"""Inspector's and Organizations' enums with the console's labels, and the roles of people.

No column that holds an AWS value is limited to these: AWS adds values, and an unknown one appears as itself.
"""

from __future__ import annotations

from django.db import models


class ResourceScanType(models.TextChoices):
    """What an account activates. The API names them so; `key` is the field in its responses."""

    EC2 = "EC2", "EC2"
    ECR = "ECR", "ECR"
    LAMBDA = "LAMBDA", "Lambda standard"
    LAMBDA_CODE = "LAMBDA_CODE", "Lambda code"
    CODE_REPOSITORY = "CODE_REPOSITORY", "Code repositories"
    AMI = "AMI", "Machine images"

    @property
    def key(self) -> str:
        head, *rest = self.value.lower().split("_")
        return head + "".join(word.capitalize() for word in rest)


class Status(models.TextChoices):
    ENABLING = "ENABLING", "Activating"
    ENABLED = "ENABLED", "Activated"
    DISABLING = "DISABLING", "Deactivating"
    DISABLED = "DISABLED", "Deactivated"
    SUSPENDING = "SUSPENDING", "Suspending"
    SUSPENDED = "SUSPENDED", "Suspended"


class RelationshipStatus(models.TextChoices):
    CREATED = "CREATED", "Being associated"
    INVITED = "INVITED", "Invited"
    DISABLED = "DISABLED", "Disabled"
    ENABLED = "ENABLED", "Member"
    REMOVED = "REMOVED", "Removed"
    RESIGNED = "RESIGNED", "Resigned"
    DELETED = "DELETED", "Deleted"
    EMAIL_VERIFICATION_IN_PROGRESS = "EMAIL_VERIFICATION_IN_PROGRESS", "E-mail verification in progress"
    EMAIL_VERIFICATION_FAILED = "EMAIL_VERIFICATION_FAILED", "E-mail verification failed"
    REGION_DISABLED = "REGION_DISABLED", "Region disabled"
    ACCOUNT_SUSPENDED = "ACCOUNT_SUSPENDED", "Account suspended"
    CANNOT_CREATE_DETECTOR_IN_ORG_MASTER = (
        "CANNOT_CREATE_DETECTOR_IN_ORG_MASTER",
        "Not possible in the management account",
    )


class AccountState(models.TextChoices):
    """The state of an account in AWS Organizations."""

    PENDING_ACTIVATION = "PENDING_ACTIVATION", "Pending activation"
    ACTIVE = "ACTIVE", "Active"
    SUSPENDED = "SUSPENDED", "Suspended"
    PENDING_CLOSURE = "PENDING_CLOSURE", "Pending closure"
    CLOSED = "CLOSED", "Closed"


class Role(models.TextChoices):
    VIEWER = "viewer", "Viewer"
    ACCOUNT_VIEWER = "account_viewer", "Account viewer"
    DELEGATED_ADMIN = "delegated_admin", "Delegated admin"
    SITE_ADMIN = "site_admin", "Site admin"
