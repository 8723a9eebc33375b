"""Who may do what: every route of the product, role by role. A route that is not here fails the tests.

A route of several addresses has several lines: `{A}` is an account that the granted people see, `{B}` one that they do
not. What people without the right get at an address that names something is exactly what they get where nothing is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

OK, MOVED, BAD, DENIED, MISSING, CONFLICT, LOGIN = 200, 302, 400, 403, 404, 409, 0
"""LOGIN: sent to the login; a fragment by HX-Redirect."""

ANONYMOUS, INACTIVE = "anonymous", "inactive site admin"
NOBODY, VIEWER, ACCOUNT_VIEWER = "no role", "viewer", "account viewer of A"
ADMIN_OF_A, ADMIN, SITE_ADMIN = "delegated admin of A", "delegated admin of all", "site admin"
SUPERUSER, REMOVED = "superuser without a role", "site admin until a moment ago"
ROLES = (ANONYMOUS, INACTIVE, NOBODY, SUPERUSER, REMOVED, VIEWER, ACCOUNT_VIEWER, ADMIN_OF_A, ADMIN, SITE_ADMIN)
LOGGED_IN = ROLES[2:]
SEE_ALL = (VIEWER, ADMIN, SITE_ADMIN)
SEE_A = (*SEE_ALL, ACCOUNT_VIEWER, ADMIN_OF_A)
MAY_SYNC = (ADMIN, SITE_ADMIN)
READS_AUDIT = (ADMIN_OF_A, ADMIN, SITE_ADMIN)

Answers = dict[str, int]


def answers(allowed: tuple[str, ...], status: int = OK, otherwise: int = DENIED) -> Answers:
    """This status for those, the other for whoever else is logged in; everybody else is sent to the login."""
    logged_in = {role: status if role in allowed else otherwise for role in LOGGED_IN}
    return {ANONYMOUS: LOGIN, INACTIVE: LOGIN, **logged_in}


def everybody(status: int = OK) -> Answers:
    return dict.fromkeys(ROLES, status)


def logged_in(status: int = OK) -> Answers:
    return answers(LOGGED_IN, status)


@dataclass(frozen=True)
class Line:
    """One address of a route. What answers neither GET nor POST is 405 for who is logged in."""

    route: str
    address: str
    get: Answers | None = None
    post: Answers | None = None
    data: Mapping[str, object] = field(default_factory=dict)
    about_oneself: bool = False
    """No role counts: it is about who asks, or the way in. The answers differ by what each has set up."""
    open_to_all: bool = False
    """Reached without a login, so that a method that is not answered is 405 for everybody."""


WISH = {"action": "activate", "account": ["{A}"], "scan_type": ["EC2"], "region": ["us-east-1"]}
FOREIGN_WISH = {**WISH, "account": ["{B}"]}
ORGANIZATION_SETTING = "setting=automatic_activation&region=us-east-1"
MEMBERSHIP = "setting=disassociate&region=us-east-1"
SETTING = {"setting": "automatic_activation", "region": "us-east-1", "chosen": "1", "on": "ec2"}
RIGHTS = {"role": "viewer", "is_active": "1"}
RULE = {"claim": "groups", "value": "new", "role": "viewer"}
HELD = {"generation": "{generation}"}

SITE_ADMINS = answers((SITE_ADMIN,))
SITE_ADMINS_POST = answers((SITE_ADMIN,), MOVED)

TABLE = [
    # The project
    Line("home", "/", get=logged_in(MOVED)),
    Line("healthz", "/healthz", get=everybody(), open_to_all=True),
    Line("readyz", "/readyz", get=everybody(503), open_to_all=True),
    Line("metrics", "/metrics", get=everybody(MISSING), open_to_all=True),
    Line("theme", "/theme/", post=everybody(MOVED), data={"theme": "dark"}, open_to_all=True),
    # Coverage
    Line("coverage", "/coverage/instances/", get=logged_in()),
    Line("coverage", "/coverage/nonsense/", get=logged_in(MISSING)),
    Line("coverage", "/coverage/instances/?account={A}", get=answers(SEE_A, otherwise=BAD)),
    Line("coverage", "/coverage/instances/?account={B}", get=answers(SEE_ALL, otherwise=BAD)),
    Line("export", "/coverage/instances/export.csv", get=logged_in()),
    Line("export", "/coverage/instances/export.csv?account={B}", get=answers(SEE_ALL, otherwise=BAD)),
    Line("resource", "/resources/us-east-1/{A}/i-a/", get=answers(SEE_A, otherwise=MISSING)),
    Line("resource", "/resources/us-east-1/{B}/i-b/", get=answers(SEE_ALL, otherwise=MISSING)),
    Line("resource", "/resources/us-east-1/{A}/i-b/", get=logged_in(MISSING)),
    Line("resource", "/resources/us-east-1/{B}/i-a/", get=logged_in(MISSING)),
    Line("finding", "/findings/{finding of A}/", get=answers(SEE_A, otherwise=MISSING)),
    Line("finding", "/findings/{finding of B}/", get=answers(SEE_ALL, otherwise=MISSING)),
    # Reads
    Line("sync", "/sync/", get=logged_in()),
    Line("sync-now", "/sync/now/", post=answers(MAY_SYNC, MOVED), data={"region": "us-east-1"}),
    Line("permissions", "/sync/permissions/", get=answers(SEE_ALL)),
    Line("check-permissions", "/sync/permissions/check/", post=answers(MAY_SYNC, MOVED)),
    Line("comparison", "/sync/comparison/", get=answers(SEE_ALL)),
    Line("compare", "/sync/comparison/compare/", post=answers(MAY_SYNC, MOVED)),
    Line("scope", "/sync/{held}/", get=answers(SEE_A, otherwise=MISSING)),
    Line("release", "/sync/{held}/release/", get=answers(MAY_SYNC), post=answers(MAY_SYNC, MOVED), data=HELD),
    Line("refuse", "/sync/{held}/refuse/", post=answers(MAY_SYNC, MOVED), data=HELD),
    # Accounts and activation
    Line("accounts", "/coverage/accounts/", get=logged_in()),
    Line("accounts", "/coverage/accounts/?account={B}", get=answers(SEE_ALL, otherwise=BAD)),
    Line("accounts-export", "/coverage/accounts/export.csv", get=logged_in()),
    Line("accounts-export", "/coverage/accounts/export.csv?account={B}", get=answers(SEE_ALL, otherwise=BAD)),
    Line("account", "/accounts/{A}/", get=answers(SEE_A, otherwise=MISSING)),
    Line("account", "/accounts/{B}/", get=answers(SEE_ALL, otherwise=MISSING)),
    Line("activations", "/activation/", get=logged_in()),
    Line("activation-preview", "/activation/preview/", post=answers((ADMIN_OF_A, ADMIN)), data=WISH),
    Line(
        "activation-preview",
        "/activation/preview/",
        post={**answers((ADMIN,)), ADMIN_OF_A: BAD},
        data=FOREIGN_WISH,
    ),
    Line("activation-confirm", "/activation/confirm/", post=answers((ADMIN_OF_A, ADMIN), BAD), data=WISH),
    Line("activation", "/activation/{request of A}/", get=answers(SEE_A, otherwise=MISSING)),
    Line("activation", "/activation/{request of B}/", get=answers(SEE_ALL, otherwise=MISSING)),
    *(
        Line(
            f"activation-{verb}",
            f"/activation/{{request of {of}}}/{verb}/",
            post={
                **answers(SEE_A if of == "A" else SEE_ALL, DENIED, otherwise=MISSING),
                **dict.fromkeys((ADMIN_OF_A, ADMIN) if of == "A" else (ADMIN,), status),
            },
        )
        for verb, status in (("approve", BAD), ("cancel", MOVED), ("retry", BAD))
        for of in ("A", "B")
    ),
    # Settings
    Line("organization-settings", "/settings/", get=logged_in()),
    Line("setting-change", f"/settings/change/?{ORGANIZATION_SETTING}", get=answers((ADMIN,))),
    Line("setting-change", f"/settings/change/?{MEMBERSHIP}&account={{A}}", get=answers((ADMIN_OF_A, ADMIN))),
    Line(
        "setting-change",
        f"/settings/change/?{MEMBERSHIP}&account={{B}}",
        get={**answers((ADMIN,)), ADMIN_OF_A: MISSING},
    ),
    Line("setting-confirm", "/settings/confirm/", post=answers((ADMIN,), BAD), data=SETTING),
    *(
        Line("settings-request", f"/settings/{{settings of {of}}}/", get=answers(who, otherwise=MISSING))
        for of, who in (("A", SEE_A), ("B", SEE_ALL))
    ),
    *(
        Line(
            f"settings-request-{verb}",
            f"/settings/{{settings of {of}}}/{verb}/",
            post={
                **answers(SEE_A if of == "A" else SEE_ALL, DENIED, otherwise=MISSING),
                **dict.fromkeys((ADMIN_OF_A, ADMIN) if of == "A" else (ADMIN,), status),
            },
        )
        for verb, status in (("approve", BAD), ("cancel", MOVED))
        for of in ("A", "B")
    ),
    # People and the audit
    Line("people", "/people/", get=SITE_ADMINS),
    Line("person", "/people/{person}/", get=SITE_ADMINS, post=SITE_ADMINS_POST, data=RIGHTS),
    Line("person", "/people/{oneself}/", get=SITE_ADMINS, post=answers((SITE_ADMIN,), BAD), data=RIGHTS),
    Line("person-grants", "/people/{person}/grants/", post=SITE_ADMINS_POST, data={"account_id": "{B}"}),
    Line("person-grants", "/people/{oneself}/grants/", post=answers((SITE_ADMIN,), BAD), data={"account_id": "{B}"}),
    Line("grant-remove", "/people/grants/{grant}/remove/", post=SITE_ADMINS_POST),
    Line("groups", "/people/groups/", get=SITE_ADMINS, post=SITE_ADMINS_POST, data={"name": "new"}),
    Line("group", "/people/groups/{group}/", get=SITE_ADMINS, post=SITE_ADMINS_POST, data={"name": "new"}),
    Line("group-grants", "/people/groups/{group}/grants/", post=SITE_ADMINS_POST, data={"account_id": "{B}"}),
    Line("group-delete", "/people/groups/{group}/delete/", get=SITE_ADMINS, post=SITE_ADMINS_POST),
    Line("rules", "/people/rules/", get=SITE_ADMINS, post=SITE_ADMINS_POST, data=RULE),
    Line("rule", "/people/rules/{rule}/", get=SITE_ADMINS, post=SITE_ADMINS_POST, data=RULE),
    Line("rule-delete", "/people/rules/{rule}/delete/", post=SITE_ADMINS_POST),
    Line("audit", "/audit/", get=answers(READS_AUDIT)),
    Line("audit", "/audit/?account={B}", get={**answers((ADMIN, SITE_ADMIN)), ADMIN_OF_A: BAD}),
    Line("audit-export", "/audit/export.csv", get=answers(READS_AUDIT)),
    # In and out
    Line("logout", "/logout/", post=everybody(MOVED), open_to_all=True),
    *(
        Line(route, f"/login/{address}", open_to_all=True, about_oneself=True)
        for route, address in (
            ("account_login", ""),
            ("mfa_authenticate", "code/"),
            ("mfa_login_webauthn", "passkey/"),
            ("single-sign-on", "sso/"),
            ("single-sign-on-callback", "sso/callback/"),
        )
    ),
    *(
        Line(route, f"/security/{address}", about_oneself=True)
        for route, address in (
            ("mfa_index", ""),
            ("account_change_password", "password/"),
            ("mfa_activate_totp", "app/"),
            ("totp-qr-code", "app/code.svg"),
            ("mfa_deactivate_totp", "app/remove/"),
            ("mfa_add_webauthn", "passkeys/add/"),
            ("mfa_remove_webauthn", "passkeys/1/remove/"),
            ("mfa_view_recovery_codes", "recovery-codes/"),
            ("mfa_generate_recovery_codes", "recovery-codes/new/"),
            ("account_reauthenticate", "confirm/"),
            ("mfa_reauthenticate", "confirm/code/"),
            ("mfa_reauthenticate_webauthn", "confirm/passkey/"),
        )
    ),
]
