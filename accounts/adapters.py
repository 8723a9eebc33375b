"""How allauth works here: nobody signs up, single sign-on creates people by rules, secrets are stored encrypted."""

from __future__ import annotations

import base64
import logging
import secrets
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialApp, SocialLogin
from allauth.socialaccount.providers.base import AuthError
from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.crypto import salted_hmac
from django.utils.http import url_has_allowed_host_and_scheme

from accounts import audit
from accounts.choices import Event
from accounts.models import Person
from accounts.single_sign_on import Provider, Refused, app, claims_of
from accounts.standing import Standing, give, standing_by
from coverage_site.requests import address_of

log = logging.getLogger(__name__)

WORDS = {
    "account/messages/password_changed.txt": "The password is changed, and your other sessions have ended.",
    "mfa/messages/totp_activated.txt": "From now on the login asks for a code of your app.",
    "mfa/messages/totp_deactivated.txt": "The app is forgotten.",
    "mfa/messages/webauthn_added.txt": "The passkey is added.",
    "mfa/messages/webauthn_removed.txt": "The passkey is removed.",
    "mfa/messages/recovery_codes_generated.txt": "Keep the recovery codes now: they are shown only once.",
}


class LocalLogin(DefaultAccountAdapter):  # type: ignore[misc]
    """Name and password."""

    error_messages = DefaultAccountAdapter.error_messages | {
        "username_password_mismatch": (
            "The name and the password do not match, or the account is switched off."
            " Both take note of upper and lower case."
        ),
        "too_many_login_attempts": "Too many attempts. Wait five minutes.",
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def get_client_ip(self, request: HttpRequest) -> str:
        return address_of(request) or "unknown"

    def is_safe_url(self, url: str) -> bool:
        """Only to pages of the host that was asked: ALLOWED_HOSTS may name more."""
        request = self.request
        return url_has_allowed_host_and_scheme(url, {request.get_host()}, require_https=request.is_secure())

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        try:
            super().pre_authenticate(request, **credentials)
        except ValidationError:
            login_failed(request, str(credentials.get("username", "")), "Too many attempts")
            raise

    def respond_user_inactive(self, request: HttpRequest, user: Person) -> HttpResponse:
        login_failed(request, user.username, "Switched off")
        messages.error(request, "This account is switched off. Ask a site admin.")
        return redirect(settings.LOGIN_URL)

    def add_message(
        self,
        request: HttpRequest,
        level: int,
        message_template: str | None = None,
        message_context: dict[str, Any] | None = None,
        extra_tags: str = "",
        message: str | None = None,
    ) -> None:
        """Our own words; nothing where the page itself shows what happened."""
        if said := message or WORDS.get(message_template or ""):
            messages.add_message(request, level, said, extra_tags=extra_tags)


class SecondFactor(DefaultMFAAdapter):  # type: ignore[misc]
    """Codes and passkeys."""

    error_messages = DefaultMFAAdapter.error_messages | {"incorrect_code": "This code is wrong, or was used before."}

    def get_totp_issuer(self) -> str:
        return "Inspector coverage"

    def _get_user_identifier(self, user: Person) -> str:
        return user.username

    def encrypt(self, text: str) -> str:
        return _cipher().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        """With another SECRET_KEY than it was stored with, a secret that fits no code: nobody gets in by it."""
        try:
            return _cipher().decrypt(encrypted_text.encode()).decode()
        except InvalidToken:
            log.warning("A second factor cannot be read: was SECRET_KEY changed? forget_second_factor removes it")
            return base64.b32encode(secrets.token_bytes(20)).decode()


def _cipher() -> Fernet:
    key = salted_hmac("accounts.second-factor", "", algorithm="sha256").digest()
    return Fernet(base64.urlsafe_b64encode(key))


class SingleSignOn(DefaultSocialAccountAdapter):  # type: ignore[misc]
    """One OpenID Connect provider, from the environment. Role and groups come from its claims at every login.

    A person is created only if a rule speaks of their claims, and never becomes one who is here already: a name or an
    e-mail address that both have proves nothing.
    """

    def list_apps(
        self, request: HttpRequest, provider: str | None = None, client_id: str | None = None
    ) -> list[SocialApp]:
        known = app()
        return [known] if known and provider in {None, known.provider, known.provider_id} else []

    def get_provider(self, request: HttpRequest, provider: str, client_id: str | None = None) -> Provider:
        return Provider(request, app=self.get_app(request, provider))

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        """Rules are looked at anew each time: who lost their groups loses the role with this login."""
        sociallogin.email_addresses = []
        standing = standing_by(claims_of(sociallogin.account))
        if sociallogin.is_existing:
            give(sociallogin.user, standing or Standing(), ip=address_of(request))
        elif standing is None:
            login_failed(request, "", "No rule speaks of the claims", subject=sociallogin.account.uid)
            page = render(request, "account/signup_closed.html", {"name": _name()}, status=403)
            raise ImmediateHttpResponse(page)

    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        return standing_by(claims_of(sociallogin.account)) is not None

    def save_user(self, request: HttpRequest, sociallogin: SocialLogin, form: Any = None) -> Person:
        person: Person = sociallogin.user
        person.set_unusable_password()
        person.username = free_name(claims_of(sociallogin.account))
        email, person.email = person.email, ""
        sociallogin.save(request)
        if email:
            person.email = email
            person.save(update_fields=["email"])
        give(person, standing_by(claims_of(sociallogin.account)) or Standing(), ip=address_of(request))
        return person

    def on_authentication_error(
        self,
        request: HttpRequest,
        provider: Provider,
        error: str | None = None,
        exception: Exception | None = None,
        extra_context: dict[str, Any] | None = None,
    ) -> None:
        if error == AuthError.CANCELLED:
            messages.error(request, f"The login with {_name()} was cancelled.")
            raise ImmediateHttpResponse(redirect(settings.LOGIN_URL))
        why = str(exception) if isinstance(exception, Refused) else type(exception).__name__ if exception else "State"
        login_failed(request, "", f"Single sign-on: {why}")


def _name() -> str:
    return settings.COVERAGE_OIDC.name if settings.COVERAGE_OIDC else "single sign-on"


def free_name(claims: dict[str, Any]) -> str:
    """A user name after what the provider calls the person, which nobody has yet."""
    for claim in ("preferred_username", "email", "sub"):
        wanted = "".join(letter for letter in str(claims.get(claim) or "") if letter.isalnum() or letter in "@.+-_")[
            :140
        ]
        if wanted:
            break
    name, number = wanted or "person", 1
    while Person.objects.filter(username__iexact=name).exists():
        number += 1
        name = f"{wanted or 'person'}-{number}"
    return name


def login_failed(request: HttpRequest, name: str, reason: str, *, subject: str = "") -> None:
    """Names are kept only of people who exist: others may be passwords typed into the wrong field."""
    known = bool(name) and Person.objects.filter(username=name).exists()
    audit.record(
        Event.LOGIN_FAILED,
        "",
        ip=address_of(request),
        subject=subject or (name if known else "An unknown name" if name else ""),
        reason=reason,
    )
