"""All addresses."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path

from coverage_site import views

from importlib.util import find_spec
from django.contrib.auth.views import LoginView, LogoutView
PLACE = [path("accounts/<str:account_id>/", views.healthz, name="account"), path("login/", LoginView.as_view(), name="login"), path("logout/", LogoutView.as_view(), name="logout"), path("coverage/accounts/", views.healthz)]

urlpatterns: list[URLPattern | URLResolver] = [
    path("", views.home, name="home"),
    path("healthz", views.healthz, name="healthz"),
    path("theme/", views.theme, name="theme"),
    *([path("", include("accounts.urls"))] if find_spec("accounts.urls") else PLACE),
    path("", include("scanning.urls")),
]

handler400 = "coverage_site.views.bad_request"
handler403 = "coverage_site.views.permission_denied"
handler404 = "coverage_site.views.page_not_found"
handler500 = "coverage_site.views.server_error"
