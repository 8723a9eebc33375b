"""The request as our middleware leaves it, for the type checker, and whose request it is."""

from __future__ import annotations

from ipaddress import ip_address

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails

from accounts.models import Person


class Request(HttpRequest):
    htmx: HtmxDetails


def person_of(request: HttpRequest) -> Person:
    """Who asks. LoginRequiredMiddleware has let nobody else through; should it be missing, nobody gets in."""
    if not isinstance(request.user, Person):
        raise PermissionDenied("Log in first.")
    return request.user


def wants_fragment(request: Request) -> bool:
    """Whether only the part that changes is asked for. Back, reload and a shared link get the whole page."""
    return bool(request.htmx) and not request.htmx.history_restore_request


def address_of(request: HttpRequest) -> str | None:
    """Where the request came from, for the audit: the connection's own end, or what a trusted proxy says of it."""
    if settings.COVERAGE_BEHIND_PROXY and (forwarded := request.headers.get("X-Forwarded-For", "")):
        last = forwarded.rpartition(",")[2].strip()
        return last if is_address(last) else None
    remote = request.META.get("REMOTE_ADDR", "")
    return remote if is_address(remote) else None


def is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
