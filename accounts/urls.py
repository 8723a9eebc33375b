"""Addresses of accounts, and the way in and out."""

from __future__ import annotations

from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import LoginView, LogoutView
from django.urls import path

from accounts import activation_views, views

urlpatterns = [
    path("login/", LoginView.as_view(), name="login"),
    path("logout/", login_not_required(LogoutView.as_view()), name="logout"),
    path("coverage/accounts/", views.accounts, name="accounts"),
    path("coverage/accounts/export.csv", views.export, name="accounts-export"),
    path("activation/", activation_views.requests, name="activations"),
    path("activation/preview/", activation_views.show_preview, name="activation-preview"),
    path("activation/confirm/", activation_views.confirm, name="activation-confirm"),
    path("activation/<int:number>/", activation_views.one_request, name="activation"),
    path("activation/<int:number>/approve/", activation_views.approve, name="activation-approve"),
    path("activation/<int:number>/cancel/", activation_views.cancel, name="activation-cancel"),
    path("activation/<int:number>/retry/", activation_views.retry, name="activation-retry"),
    path("accounts/<str:account_id>/", views.account, name="account"),
]
