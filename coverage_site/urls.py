"""All addresses."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path

from coverage_site import signals, views

urlpatterns: list[URLPattern | URLResolver] = [
    path("", views.home, name="home"),
    path("healthz", views.healthz, name="healthz"),
    path("readyz", signals.readyz, name="readyz"),
    path("metrics", signals.metrics, name="metrics"),
    path("theme/", views.theme, name="theme"),
    path("", include("accounts.urls")),
    path("", include("scanning.urls")),
]

handler400 = "coverage_site.views.bad_request"
handler403 = "coverage_site.views.permission_denied"
handler404 = "coverage_site.views.page_not_found"
handler500 = "coverage_site.views.server_error"
