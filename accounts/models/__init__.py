"""Who is scanned: AWS accounts, what is activated in them, the organization's settings, and who may see what."""

from accounts.models.accounts import (
    ASSOCIATED,
    BATCH,
    AccountChange,
    AccountRows,
    AwsAccount,
    AwsAccountQuerySet,
    RegionalAccount,
    RegionalAccountQuerySet,
    ScanTypeStatus,
)
from accounts.models.activation import MEMBERSHIP, ActivationItem, ActivationRequest
from accounts.models.audit import AuditEvent, AuditEventQuerySet
from accounts.models.people import AccountGrant, ClaimRule, Person, account_id_validator
from accounts.models.settings import OrganizationSettings, OrganizationSettingsChange, SettingsRequest
from accounts.models.usage import AccountUsage

__all__ = [
    "ASSOCIATED",
    "BATCH",
    "MEMBERSHIP",
    "AccountChange",
    "AccountGrant",
    "AccountRows",
    "AccountUsage",
    "ActivationItem",
    "ActivationRequest",
    "AuditEvent",
    "AuditEventQuerySet",
    "AwsAccount",
    "AwsAccountQuerySet",
    "ClaimRule",
    "OrganizationSettings",
    "OrganizationSettingsChange",
    "Person",
    "RegionalAccount",
    "RegionalAccountQuerySet",
    "ScanTypeStatus",
    "SettingsRequest",
    "account_id_validator",
]
