"""Pages of the project itself: the way in, whether it runs, the theme, and errors in plain words."""

from __future__ import annotations

import sys

from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import BadRequest
from django.db import DatabaseError, InterfaceError, OperationalError, connection
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, HttpResponseRedirect, JsonResponse
from django.shortcuts import redirect, render
from django.template.loader import get_template
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST, require_safe

from coverage_site.request_ids import request_id

THEMES = ("light", "dark", "system")
THEME_COOKIE = "theme"
A_YEAR = 365 * 24 * 60 * 60


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    return redirect("/coverage/accounts/")


@login_not_required
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """200 when this process answers and its database does."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except (DatabaseError, InterfaceError):
        return JsonResponse({"status": "the database does not answer"}, status=503)
    return JsonResponse({"status": "ok"})


@login_not_required
@require_POST
def theme(request: HttpRequest) -> HttpResponse:
    """Remember light or dark in this browser; `system` forgets it."""
    chosen = request.POST.get("theme", "")
    if chosen not in THEMES:
        raise BadRequest(f"The theme is one of {', '.join(THEMES)}.")
    back = request.POST.get("next", "")
    if not url_has_allowed_host_and_scheme(back, {request.get_host()}, require_https=request.is_secure()):
        back = "/"
    response = HttpResponseRedirect(back)
    if chosen == "system":
        response.delete_cookie(THEME_COOKIE)
    else:
        secure = request.is_secure()
        response.set_cookie(THEME_COOKIE, chosen, max_age=A_YEAR, secure=secure, httponly=True, samesite="Lax")
    return response


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """What was wrong with the request, where we said so ourselves; Django's own reasons stay inside."""
    if not isinstance(exception, BadRequest) or not hasattr(request, "user"):
        return HttpResponseBadRequest(get_template("400_plain.html").render())
    return render(request, "400.html", {"reason": str(exception)}, status=400)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    return render(request, "403.html", status=403)


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return render(request, "404.html", status=404)


def server_error(request: HttpRequest) -> HttpResponse:
    """Said without a query: the database may be what failed."""
    is_database = isinstance(sys.exc_info()[1], (OperationalError, InterfaceError))
    name, status = ("503.html", 503) if is_database else ("500.html", 500)
    return HttpResponse(get_template(name).render({"incident": request_id.get()}), status=status)
