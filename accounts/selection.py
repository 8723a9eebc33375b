"""What the pages of accounts offer to those who may activate: actions that lead to the preview."""

from __future__ import annotations

from typing import Any

from django.urls import reverse

from accounts.activation.allowed import why_not
from accounts.choices import Action
from accounts.lists import Scopes
from accounts.models import Person
from aws.choices import CallerKind


def actions_for(person: Person, scopes: Scopes) -> list[dict[str, str]]:
    """Nothing for those who may not. A member account never deactivates, so it is not asked whether it would."""
    if not person.may_activate:
        return []
    kinds = {kind for _, _, kind in scopes.callers}
    actions = [Action.ACTIVATE] if kinds == {CallerKind.MEMBER} else list(Action)
    return [
        {"value": action.value, "label": f"{action.label}…", "why_not": why_not(person, action)} for action in actions
    ]


def selection_of(person: Person, scopes: Scopes) -> dict[str, Any]:
    """What the list of accounts needs to offer the actions for selected accounts; each reason why not once."""
    actions = actions_for(person, scopes)
    return {
        "actions": actions,
        "reasons": list(dict.fromkeys(action["why_not"] for action in actions if action["why_not"])),
        "preview_address": reverse("activation-preview"),
    }
