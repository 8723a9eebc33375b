"""Single sign-on by OpenID Connect: allauth's flow, and every check of the token that the standard asks for."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

import jwt
from allauth.account.utils import get_next_redirect_url
from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.helpers import render_authentication_error
from allauth.socialaccount.models import SocialAccount, SocialApp
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView
from allauth.socialaccount.providers.openid_connect.provider import OpenIDConnectProvider
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe
from requests import RequestException

from coverage_site.environment import SingleSignOn as SingleSignOnSettings

ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
"""Signatures that only the provider can make."""
CLOCKS_DIFFER = 60
ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")


class Refused(OAuth2Error):  # type: ignore[misc]
    """What the provider said is not accepted. The words name no secret."""


def _known() -> SingleSignOnSettings:
    """The provider of the settings; there is none only where nobody can have come from one."""
    known: SingleSignOnSettings | None = settings.COVERAGE_OIDC
    if known is None:
        raise Http404
    return known


def app() -> SocialApp | None:
    """The provider of the settings. Its id holds the issuer: a subject of another one is another person."""
    known = settings.COVERAGE_OIDC
    if known is None:
        return None
    return SocialApp(
        provider="openid_connect",
        provider_id=f"oidc-{hashlib.sha256(known.issuer.rstrip('/').encode()).hexdigest()[:16]}",
        name=known.name[:40],
        client_id=known.client_id,
        secret=known.client_secret,
        settings={"server_url": known.issuer.rstrip("/"), "oauth_pkce_enabled": True},
    )


def claims_of(account: SocialAccount) -> dict[str, Any]:
    """What the provider says of the person; what it signed counts before the rest."""
    told: Mapping[str, Any] = account.extra_data
    return {**(told.get("userinfo") or {}), **(told.get("id_token") or {})}


class OpenIdConnect(OpenIDConnectOAuth2Adapter):  # type: ignore[misc]
    """The provider's answers, each checked: its description, the token, and what it says of the person."""

    nonce = ""

    @cached_property
    def openid_config(self) -> dict[str, Any]:
        issuer = _known().issuer
        found = self._read(self.get_provider().server_url)
        if str(found.get("issuer", "")).rstrip("/") != issuer.rstrip("/"):
            raise Refused("The provider calls itself by another issuer")
        for name in (*ENDPOINTS, *(["userinfo_endpoint"] if "userinfo_endpoint" in found else [])):
            if urlsplit(str(found.get(name, ""))).scheme != urlsplit(issuer).scheme:
                raise Refused(f"The provider names no safe {name}")
        return found

    def get_callback_url(self, request: HttpRequest, app: SocialApp) -> str:
        return request.build_absolute_uri(reverse("single-sign-on-callback"))

    def complete_login(self, request: HttpRequest, app: SocialApp, token: Any, **kwargs: Any) -> Any:
        given = kwargs["response"].get("id_token")
        if not isinstance(given, str):
            raise Refused("The provider gave no ID token")
        data = {"id_token": self._claims_in(given)}
        if "userinfo_endpoint" in self.openid_config:
            data["userinfo"] = self._read(
                self.openid_config["userinfo_endpoint"], headers={"Authorization": f"Bearer {token.token}"}
            )
            if data["userinfo"].get("sub") != data["id_token"]["sub"]:
                raise Refused("The ID token and the user information name different people")
        return self.get_provider().sociallogin_from_response(request, data)

    def _claims_in(self, token: str) -> dict[str, Any]:
        """The claims of an ID token that is signed by the provider, for us, for this login, and not expired."""
        client_id = _known().client_id
        keys = self._read(self.openid_config["jwks_uri"])
        try:
            wanted = jwt.get_unverified_header(token).get("kid")
            fitting = [key for key in jwt.PyJWKSet.from_dict(keys).keys if wanted is None or key.key_id == wanted]
            if len(fitting) != 1:
                raise Refused("The ID token is signed with an unknown key")
            claims: dict[str, Any] = jwt.decode(
                token,
                fitting[0],
                algorithms=ALGORITHMS,
                issuer=self.openid_config["issuer"],
                audience=client_id,
                leeway=CLOCKS_DIFFER,
                options={"require": ["iss", "sub", "aud", "exp", "iat"]},
            )
        except jwt.PyJWTError as error:
            raise Refused(f"The ID token is not accepted ({type(error).__name__})") from None
        if claims.get("azp", client_id) != client_id:
            raise Refused("The ID token is for another client")
        if not self.nonce or not secrets.compare_digest(str(claims.get("nonce", "")), self.nonce):
            raise Refused("The ID token belongs to another login")
        return claims

    def _read(self, url: str, headers: dict[str, str] | None = None) -> dict[str, Any]:
        with get_adapter().get_requests_session() as session:
            response = session.get(url, headers=headers)
            response.raise_for_status()
        found = response.json()
        if not isinstance(found, dict):
            raise Refused("The provider's answer is not an object")
        return found


class Provider(OpenIDConnectProvider):  # type: ignore[misc]
    oauth2_adapter_class = OpenIdConnect


class Callback(OAuth2CallbackView):  # type: ignore[misc]
    """Where the provider sends the browser back to."""

    def _get_state(self, request: HttpRequest, provider: Provider) -> tuple[dict[str, Any] | None, Any]:
        state, response = super()._get_state(request, provider)
        self.adapter.nonce = (state or {}).get("nonce", "")
        return state, response


@login_not_required
@require_safe
def begin(request: HttpRequest) -> HttpResponse:
    """Send the browser to the provider. By GET: what begins here can only end as the person whom the provider knows."""
    provider = _provider(request)
    nonce = secrets.token_urlsafe(24)
    try:
        response: HttpResponse = provider.redirect(
            request,
            process="login",
            next_url=get_next_redirect_url(request),
            auth_params={"nonce": nonce},
            nonce=nonce,
        )
    except (OAuth2Error, RequestException) as error:
        response = render_authentication_error(request, provider, exception=error)
    return response


@login_not_required
@require_safe
def end(request: HttpRequest) -> HttpResponse:
    """The way back: the state, the token and the rules decide whether the person gets in."""
    provider = _provider(request)
    view = Callback.adapter_view(OpenIdConnect(request, provider.app.provider_id))
    try:
        response: HttpResponse = view(request)
    except (OAuth2Error, RequestException) as error:  # Its description, which allauth asks for outside of its own try
        response = render_authentication_error(request, provider, exception=error)
    return response


def _provider(request: HttpRequest) -> Provider:
    known = app()
    if known is None:
        raise Http404
    return Provider(request, app=known)
