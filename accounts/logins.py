"""Logins, failures, logouts, and changes to how somebody logs in, written down as they happen."""

from __future__ import annotations

import time
from typing import Any

from allauth.account.signals import password_changed
from allauth.mfa.models import Authenticator
from allauth.mfa.signals import (
    authentication_failed,
    authenticator_added,
    authenticator_removed,
    authenticator_reset,
)
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.dispatch import receiver
from django.http import HttpRequest

from accounts import audit
from accounts.adapters import login_failed
from accounts.choices import Event
from accounts.models import Person
from coverage_site.middleware import BEGAN
from coverage_site.requests import address_of

WHAT = {
    Authenticator.Type.TOTP: "Authenticator app",
    Authenticator.Type.WEBAUTHN: "Passkey",
    Authenticator.Type.RECOVERY_CODES: "Recovery codes",
}


@receiver(user_logged_in)
def logged_in(request: HttpRequest, user: Person, **_: Any) -> None:
    request.session[BEGAN] = time.time()
    audit.record(Event.LOGIN, user.username, ip=address_of(request), reason=_how(request))


def _how(request: HttpRequest) -> str:
    """By what the person showed who they are, in this session."""
    steps = request.session.get("account_authentication_methods", [])
    names = {"password": "Password", "socialaccount": "Single sign-on", "mfa": "Second factor"}
    return ", ".join("Passkey" if step.get("passwordless") else names.get(step.get("method"), "") for step in steps)


@receiver(user_login_failed)
def not_logged_in(credentials: dict[str, Any], request: HttpRequest | None = None, **_: Any) -> None:
    if request is not None:
        login_failed(request, str(credentials.get("username", "")), "Wrong name or password")


@receiver(authentication_failed)
def wrong_code(request: HttpRequest, user: Person, **_: Any) -> None:
    login_failed(request, user.username, "Wrong code")


@receiver(user_logged_out)
def logged_out(request: HttpRequest, user: Person | None, **_: Any) -> None:
    if user is not None:
        audit.record(Event.LOGOUT, user.username, ip=address_of(request))


@receiver(password_changed)
def changed_password(request: HttpRequest, user: Person, **_: Any) -> None:
    _changed(request, user, "Password", "changed")


@receiver(authenticator_added)
def added(request: HttpRequest, user: Person, authenticator: Authenticator, **_: Any) -> None:
    _changed(request, user, WHAT[authenticator.type], "added")


@receiver(authenticator_removed)
def removed(request: HttpRequest, user: Person, authenticator: Authenticator, **_: Any) -> None:
    _changed(request, user, WHAT[authenticator.type], "removed")


@receiver(authenticator_reset)
def made_anew(request: HttpRequest, user: Person, authenticator: Authenticator, **_: Any) -> None:
    _changed(request, user, WHAT[authenticator.type], "made anew")


def _changed(request: HttpRequest, user: Person, what: str, how: str) -> None:
    audit.record(Event.SETTINGS_CHANGED, user.username, ip=address_of(request), subject=f"Login: {what}", to_value=how)
