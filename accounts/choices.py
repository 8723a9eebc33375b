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


class Action(models.TextChoices):
    """What a person asks Inspector to do with scan types."""

    ACTIVATE = "activate", "Activate"
    DEACTIVATE = "deactivate", "Deactivate"

    @property
    def target(self) -> Status:
        return Status.ENABLED if self == Action.ACTIVATE else Status.DISABLED

    @property
    def on_the_way(self) -> Status:
        return Status.ENABLING if self == Action.ACTIVATE else Status.DISABLING


class ItemState(models.TextChoices):
    """One scan type of one account in one Region, on its way through a request."""

    PLANNED = "planned", "Waiting"
    SENDING = "sending", "Being sent"
    SENT = "sent", "AWS is working on it"
    DONE = "done", "Done"
    REFUSED = "refused", "Refused"
    UNSETTLED = "unsettled", "Not settled yet"
    CANCELLED = "cancelled", "Cancelled"


OPEN_STATES = (ItemState.PLANNED, ItemState.SENDING, ItemState.SENT, ItemState.UNSETTLED)
"""Of items that another request must not touch."""


class RequestState(models.TextChoices):
    WAITING = "waiting", "Waits for a second person"
    CONFIRMED = "confirmed", "Under way"
    SETTLED = "settled", "Settled"
    CANCELLED = "cancelled", "Cancelled"


class Setting(models.TextChoices):
    """What a SettingsRequest changes."""

    AUTOMATIC_ACTIVATION = "automatic_activation", "Automatic activation"
    EC2_SCAN_MODE = "ec2_scan_mode", "EC2 scan mode"
    ECR_DURATIONS = "ecr_durations", "ECR re-scan durations"
    DEEP_INSPECTION = "deep_inspection", "Deep inspection"
    ASSOCIATE = "associate", "Associate the account"
    DISASSOCIATE = "disassociate", "Disassociate the account"


class Event(models.TextChoices):
    """What the audit remembers."""

    LOGIN = "login", "Logged in"
    LOGIN_FAILED = "login_failed", "Login failed"
    LOGOUT = "logout", "Logged out"
    DENIED = "denied", "Denied"
    ROLE_CHANGED = "role_changed", "Role changed"
    GRANT_ADDED = "grant_added", "Grant added"
    GRANT_REMOVED = "grant_removed", "Grant removed"
    REQUESTED = "requested", "Change requested"
    APPROVED = "approved", "Change approved"
    CANCELLED = "cancelled", "Change cancelled"
    ANSWERED = "answered", "AWS answered"
    SETTLED = "settled", "Change settled"
    SETTINGS_CHANGED = "settings_changed", "Settings changed"
    SYNC_STARTED = "sync_started", "Sync started by hand"
    HOLD_DECIDED = "hold_decided", "Hold decided"
    EXPORTED = "exported", "Exported"
