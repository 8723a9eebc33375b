"""The request as our middleware leaves it, for the type checker, and whose request it is."""

from __future__ import annotations

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
