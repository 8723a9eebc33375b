"""What we read from AWS, what came of it, and as whom."""

from django.db import models


class What(models.TextChoices):
    """The kind of data that one scope reads."""

    ORGANIZATION = "organization", "Organization"
    ACCOUNTS = "accounts", "Accounts"
    COVERAGE = "coverage", "Coverage"
    FINDINGS = "findings", "Findings"
    COMPARISON = "comparison", "Comparison"


class ScopeState(models.TextChoices):
    """What is known of a scope since its last read. Whether it is being read now is its lease, not its state."""

    NEW = "new", "Not read yet"
    OK = "ok", "Complete"
    FAILED = "failed", "Failed"
    HELD = "held", "Held"
    SKIPPED = "skipped", "Not offered here"


class HoldKind(models.TextChoices):
    """Why a scope is held. A release is for one kind alone: it lets nothing pass that the person was not asked."""

    CALLER = "caller", "Another caller answers"
    INCOMPLETE = "incomplete", "The list and AWS' statistics differ"
    ABSENT = "absent", "Too much is absent"


class HoldDecision(models.TextChoices):
    """What a person said about a held scope."""

    RELEASED = "released", "Released"
    REFUSED = "refused", "Refused"


class Permission(models.TextChoices):
    """What AWS answered when one call was tried."""

    ALLOWED = "allowed", "Allowed"
    DENIED = "denied", "Denied"
    NOT_OFFERED = "not_offered", "Not offered here"
    FAILED = "failed", "Not known"


class RunOutcome(models.TextChoices):
    RUNNING = "running", "Running"
    COMPLETE = "complete", "Complete"
    FAILED = "failed", "Failed"
    HELD = "held", "Held"
    SKIPPED = "skipped", "Skipped"
    ABORTED = "aborted", "Aborted"


class CallerKind(models.TextChoices):
    """What Inspector lets the calling account see."""

    STANDALONE = "standalone", "Standalone account"
    MEMBER = "member", "Member account"
    DELEGATED_ADMIN = "delegated_admin", "Delegated administrator"
