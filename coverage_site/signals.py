"""What monitors ask for: whether everything works, and numbers over time."""

from __future__ import annotations

import secrets

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from accounts.models import Person
from coverage_site import readiness
from coverage_site.metrics import Numbers


def shows_token(request: HttpRequest) -> bool:
    """Whether the request carries the token of monitors. Where there is none, nothing is one."""
    kind, _, given = request.headers.get("Authorization", "").partition(" ")
    wanted = settings.COVERAGE_METRICS_TOKEN
    is_equal = secrets.compare_digest(given.strip().encode(), wanted.encode())
    return bool(wanted) and kind.lower() == "bearer" and is_equal


@login_not_required
@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """200 when all of it works, else 503; with a word for each part."""
    found = readiness.look()
    is_known = found.parts["database"].is_fine
    detailed = shows_token(request) or (is_known and sees_everything(request))
    return JsonResponse(found.as_json(detailed=detailed), status=200 if found.is_ready else 503)


def sees_everything(request: HttpRequest) -> bool:
    return isinstance(request.user, Person) and request.user.sees_all_accounts


@login_not_required
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Numbers for Prometheus, for who shows the token; without a token in the settings there is no such address."""
    if not settings.COVERAGE_METRICS_TOKEN:
        raise Http404
    if not shows_token(request):
        return HttpResponse("Show the token.\n", status=401, headers={"WWW-Authenticate": "Bearer"})
    registry = CollectorRegistry()
    registry.register(Numbers())
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
