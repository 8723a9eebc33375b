"""All addresses."""

from __future__ import annotations

from importlib.util import find_spec

from django.contrib.auth.views import LoginView, LogoutView
from django.urls import URLPattern, URLResolver, include, path
from django.views.generic import RedirectView

from coverage_site import views

# The accounts app brings the login, the Accounts tab and the page of an account. Where it has no pages, what can be
# seen of an account is its instances.
instances = RedirectView.as_view(url="/coverage/instances/")
instances_of_account = RedirectView.as_view(url="/coverage/instances/?account=%(account_id)s")
without_accounts: list[URLPattern | URLResolver] = [
    path("login/", LoginView.as_view(), name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("coverage/accounts/", instances),
    path("accounts/<str:account_id>/", instances_of_account, name="account"),
]

urlpatterns: list[URLPattern | URLResolver] = [
    path("", views.home, name="home"),
    path("healthz", views.healthz, name="healthz"),
    path("theme/", views.theme, name="theme"),
    *([path("", include("accounts.urls"))] if find_spec("accounts.urls") else without_accounts),
    path("", include("scanning.urls")),
]

handler400 = "coverage_site.views.bad_request"
handler403 = "coverage_site.views.permission_denied"
handler404 = "coverage_site.views.page_not_found"
handler500 = "coverage_site.views.server_error"
