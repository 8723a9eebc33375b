"""Whether a person may change this here, in words: asked at the click, and again right before anything is sent."""

from __future__ import annotations

from django.conf import settings

from accounts.choices import Action
from accounts.models import Person


class Refused(Exception):
    """The request breaks a rule of this dashboard; the message says which, for people."""


def why_not(person: Person, action: Action) -> str:
    """Why this person cannot do this here, in words; empty if they can."""
    if not person.may_activate:
        return "Only delegated admins activate and deactivate scan types."
    if settings.COVERAGE_READ_ONLY:
        return "This installation only reads (COVERAGE_READ_ONLY is on)."
    if not settings.COVERAGE_WRITE_ROLE_ARN:
        return "This installation has no role to write with (COVERAGE_WRITE_ROLE_ARN)."
    if action == Action.DEACTIVATE and not settings.COVERAGE_ALLOW_DEACTIVATION:
        return "Deactivating is switched off in this installation (COVERAGE_ALLOW_DEACTIVATION)."
    return ""
