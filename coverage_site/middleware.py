"""What goes for every response: nobody else may keep it, and a fragment never holds a login form."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import resolve_url
from django.utils.cache import patch_cache_control, patch_vary_headers
from django_htmx.middleware import HtmxDetails

from accounts import audit
from accounts.choices import Event
from accounts.models import Person
from coverage_site.request_ids import new_id, request_id
from coverage_site.requests import address_of

GetResponse = Callable[[HttpRequest], HttpResponseBase]
BEGAN, USED = "began", "used"
"""Where a session keeps when its person logged in, and when it was last used."""


def request_ids(get_response: GetResponse) -> GetResponse:
    """Give every request an id, and say it. Only a proxy of our own may choose it: anybody else could forge one."""

    def respond(request: HttpRequest) -> HttpResponseBase:
        given = request.headers.get("X-Request-ID", "") if settings.COVERAGE_BEHIND_PROXY else ""
        current = new_id(given)
        request_id.set(current)
        response = get_response(request)
        response["X-Request-ID"] = current
        return response

    return respond


def private_responses(get_response: GetResponse) -> GetResponse:
    """Keep every page out of shared caches and off the disk: it shows what one person may see.

    `Vary` tells a page from the fragment at the same address.
    """

    def respond(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        if not response.has_header("Cache-Control"):
            patch_cache_control(response, private=True, no_store=True)
        patch_vary_headers(response, ("HX-Request", "HX-History-Restore-Request"))
        return response

    return respond


def denials(get_response: GetResponse) -> GetResponse:
    """Write down what somebody who is logged in was denied: one place for every view, the check of forms included."""

    def respond(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        if response.status_code == 403 and isinstance(request.user, Person):
            name, subject = request.user.get_username(), f"{request.method} {request.get_full_path()}"
            audit.record(Event.DENIED, name, ip=address_of(request), subject=subject)
        return response

    return respond


def login_for_fragments(get_response: GetResponse) -> GetResponse:
    """A fragment asked for without a session sends the whole page to the login, and back to where it stands."""

    def respond(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        login = resolve_url(settings.LOGIN_URL)
        is_sent_away = response.status_code == 302 and response.get("Location", "").partition("?")[0] == login
        htmx = getattr(request, "htmx", None)
        if not isinstance(htmx, HtmxDetails) or not htmx or not is_sent_away:
            return response
        page = htmx.current_url_abs_path
        target = f"{login}?{urlencode({'next': page})}" if page else response["Location"]
        return HttpResponse(status=204, headers={"HX-Redirect": target})

    return respond


class EndOldSessions:
    """End a session a day after its login, however busy it was; keep one that is used from ending before.

    A session ends by itself when it was not used for the hours of the settings: its use is written down at most once
    in five minutes. Views that need no login are left alone: they must answer while the database is away.
    """

    WRITTEN_EVERY = 5 * 60

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Callable[..., Any], *_: Any) -> None:
        if not getattr(view, "login_required", True):
            return
        began = request.session.get(BEGAN)
        if not isinstance(began, int | float):
            return
        now = time.time()
        if now - began > settings.COVERAGE_SESSION_LONGEST.total_seconds():
            logout(request)
        elif now - request.session.get(USED, began) > self.WRITTEN_EVERY:
            request.session[USED] = now
