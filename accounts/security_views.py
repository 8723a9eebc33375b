"""A person's own security page: password, authenticator app, passkeys and recovery codes.

Who logs in by single sign-on has none of them here: the provider could not take them away.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from allauth.account import views as account_views
from allauth.mfa.adapter import get_adapter
from allauth.mfa.base import views as base_views
from allauth.mfa.recovery_codes import views as recovery_views
from allauth.mfa.totp import views as totp_views
from allauth.mfa.totp.internal.auth import SECRET_SESSION_KEY
from allauth.mfa.webauthn import views as passkey_views
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse_lazy
from django.views.decorators.http import require_safe

from coverage_site.requests import person_of

View = Callable[..., HttpResponseBase]


def with_password(view: View) -> View:
    """Only for people who log in with a password of ours."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not person_of(request).has_usable_password():
            raise Http404
        return view(request, *args, **kwargs)

    return guarded


@with_password
@require_safe
def qr_code(request: HttpRequest) -> HttpResponse:
    """The secret that the page beside it shows, as a picture for the app. It is not in use before it is confirmed."""
    secret = request.session.get(SECRET_SESSION_KEY)
    if not secret:
        raise Http404
    adapter = get_adapter()
    picture = adapter.build_totp_svg(adapter.build_totp_url(person_of(request), secret))
    return HttpResponse(picture, content_type="image/svg+xml")


index = base_views.index
change_password = with_password(account_views.password_change)
add_app = with_password(totp_views.activate_totp)
remove_app = with_password(totp_views.deactivate_totp)
add_passkey = with_password(passkey_views.add_webauthn)
remove_passkey = with_password(passkey_views.RemoveWebAuthnView.as_view(success_url=reverse_lazy("mfa_index")))
recovery_codes = with_password(recovery_views.view_recovery_codes)
new_recovery_codes = with_password(recovery_views.generate_recovery_codes)
confirm = with_password(account_views.reauthenticate)
confirm_by_code = with_password(base_views.reauthenticate)
confirm_by_passkey = with_password(passkey_views.reauthenticate_webauthn)
