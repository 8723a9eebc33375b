"""Addresses of accounts, and the way in and out."""

from __future__ import annotations

from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import LoginView, LogoutView
from django.urls import path

from accounts import views

urlpatterns = [
    path("login/", LoginView.as_view(), name="login"),
    path("logout/", login_not_required(LogoutView.as_view()), name="logout"),
    path("coverage/accounts/", views.accounts, name="accounts"),
    path("coverage/accounts/export.csv", views.export, name="accounts-export"),
    path("accounts/<str:account_id>/", views.account, name="account"),
]
