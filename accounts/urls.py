"""Addresses of accounts, and the way in and out."""

from __future__ import annotations

from allauth.account.views import login
from allauth.mfa.base.views import authenticate
from allauth.mfa.webauthn.views import login_webauthn
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import LogoutView
from django.urls import path

from accounts import (
    activation_views,
    audit_views,
    people_views,
    security_views,
    settings_views,
    single_sign_on,
    views,
)

urlpatterns = [
    # Names with a prefix are those that allauth looks up.
    path("login/", login, name="account_login"),
    path("login/code/", authenticate, name="mfa_authenticate"),
    path("login/passkey/", login_webauthn, name="mfa_login_webauthn"),
    path("login/sso/", single_sign_on.begin, name="single-sign-on"),
    path("login/sso/callback/", single_sign_on.end, name="single-sign-on-callback"),
    path("logout/", login_not_required(LogoutView.as_view()), name="logout"),
    path("security/", security_views.index, name="mfa_index"),
    path("security/password/", security_views.change_password, name="account_change_password"),
    path("security/app/", security_views.add_app, name="mfa_activate_totp"),
    path("security/app/code.svg", security_views.qr_code, name="totp-qr-code"),
    path("security/app/remove/", security_views.remove_app, name="mfa_deactivate_totp"),
    path("security/passkeys/add/", security_views.add_passkey, name="mfa_add_webauthn"),
    path("security/passkeys/<int:pk>/remove/", security_views.remove_passkey, name="mfa_remove_webauthn"),
    path("security/recovery-codes/", security_views.recovery_codes, name="mfa_view_recovery_codes"),
    path("security/recovery-codes/new/", security_views.new_recovery_codes, name="mfa_generate_recovery_codes"),
    path("security/confirm/", security_views.confirm, name="account_reauthenticate"),
    path("security/confirm/code/", security_views.confirm_by_code, name="mfa_reauthenticate"),
    path("security/confirm/passkey/", security_views.confirm_by_passkey, name="mfa_reauthenticate_webauthn"),
    path("coverage/accounts/", views.accounts, name="accounts"),
    path("coverage/accounts/export.csv", views.export, name="accounts-export"),
    path("activation/", activation_views.request_list, name="activations"),
    path("activation/preview/", activation_views.show_preview, name="activation-preview"),
    path("activation/confirm/", activation_views.confirm, name="activation-confirm"),
    path("activation/<int:number>/", activation_views.one_request, name="activation"),
    path("activation/<int:number>/approve/", activation_views.approve, name="activation-approve"),
    path("activation/<int:number>/cancel/", activation_views.cancel, name="activation-cancel"),
    path("activation/<int:number>/retry/", activation_views.retry, name="activation-retry"),
    path("settings/", settings_views.organization, name="organization-settings"),
    path("settings/change/", settings_views.change, name="setting-change"),
    path("settings/confirm/", settings_views.confirm, name="setting-confirm"),
    path("settings/<int:number>/", settings_views.one_request, name="settings-request"),
    path("settings/<int:number>/approve/", settings_views.approve, name="settings-request-approve"),
    path("settings/<int:number>/cancel/", settings_views.cancel, name="settings-request-cancel"),
    path("audit/", audit_views.audit, name="audit"),
    path("audit/export.csv", audit_views.export, name="audit-export"),
    path("people/", people_views.all_people, name="people"),
    path("people/<int:number>/", people_views.one_person, name="person"),
    path("people/<int:number>/grants/", people_views.grant_to_person, name="person-grants"),
    path("people/grants/<int:number>/remove/", people_views.remove_grant, name="grant-remove"),
    path("people/groups/", people_views.groups, name="groups"),
    path("people/groups/<int:number>/", people_views.group, name="group"),
    path("people/groups/<int:number>/grants/", people_views.grant_to_group, name="group-grants"),
    path("people/groups/<int:number>/delete/", people_views.delete_group, name="group-delete"),
    path("people/rules/", people_views.rules, name="rules"),
    path("people/rules/<int:number>/", people_views.rule, name="rule"),
    path("people/rules/<int:number>/delete/", people_views.delete_rule, name="rule-delete"),
    path("accounts/<str:account_id>/", views.account, name="account"),
]
