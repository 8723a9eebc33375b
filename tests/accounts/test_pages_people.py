"""Site admins give roles, grants, groups and rules; nobody gives themselves any, and the audit tells all of it."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Group

from accounts.choices import Event
from accounts.models import AccountGrant, AuditEvent, AwsAccount, ClaimRule, Person
from accounts.people import Actor, Refused, Rights, change_rights
from tests import factories
from tests.factories import PAYMENTS, SEARCH
from tests.reading import read

pytestmark = pytest.mark.django_db

UNIT = "o-1/r-1/ou-search"


@pytest.fixture
def as_person(as_person):
    """Logged in, and the login itself is forgotten: these tests count what comes after."""

    def log_in(person):
        client = as_person(person)
        AuditEvent.objects.filter(event=Event.LOGIN).delete()
        return client

    return log_in


@pytest.fixture
def root(db) -> Person:
    return factories.person("root", role="site_admin")


@pytest.fixture
def as_root(root, as_person):
    return as_person(root)


@pytest.fixture
def team(db) -> Person:
    """An account viewer of payments-prod, one of two accounts."""
    factories.account()
    factories.account(SEARCH, organizational_unit=f"{UNIT}/ou-prod")
    return factories.person("team", role="account_viewer", accounts=[PAYMENTS])


def told(event: Event) -> list[tuple[str, str, str, str]]:
    """What the audit has of this event: who, on whom, from, to."""
    return list(
        AuditEvent.objects.filter(event=event).order_by("id").values_list("actor", "subject", "from_value", "to_value")
    )


def page_of(person: Person) -> str:
    return f"/people/{person.pk}/"


# --- The list and the page


def test_everybody_is_listed_with_role_grants_and_groups(as_root, team, viewer):
    group = Group.objects.create(name="search team")
    team.groups.add(group)
    AccountGrant.objects.create(group=group, organizational_unit=UNIT)
    rows = {row["Name"]: row for row in read(as_root.get("/people/")).rows}
    assert list(rows) == ["root", "team", "viewer"]
    assert rows["team"]["Role"] == "Account viewer"
    assert rows["team"]["Sees"] == "granted: 1 account, 1 organizational unit"
    assert rows["team"]["Groups"] == "search team"
    assert rows["team"]["Last login"] == "never"
    assert rows["viewer"]["Sees"] == "all accounts"


def test_the_list_is_searched_filtered_and_paged(as_root, team, nobody):
    assert read(as_root.get("/people/?q=TEA")).column("Name") == ["team"]
    assert read(as_root.get("/people/?role=none")).column("Name") == ["nobody"]
    assert read(as_root.get("/people/?role=none&role=site_admin")).column("Name") == ["nobody", "root"]
    assert as_root.get("/people/?role=emperor").status_code == 400
    for number in range(60):
        factories.person(f"zz-{number:02}")
    first = read(as_root.get("/people/"))
    assert len(first.rows) == 50
    assert len(read(as_root.get(f"/people/{first.links['Next']}")).rows) == 13


def test_the_list_costs_the_same_for_any_number_of_people(as_root, team, django_assert_num_queries):
    for number in range(20):
        one = factories.person(f"p{number}", role="account_viewer", accounts=[PAYMENTS, SEARCH])
        one.groups.add(Group.objects.create(name=f"g{number}"))
    with django_assert_num_queries(9):
        as_root.get("/people/")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({}, "1 of 2 accounts. payments-prod 111122223333 Reads coverage"),
        ({"role": "viewer"}, "All accounts, now 2."),
        ({"role": "site_admin"}, "Gives roles and grants, and reads the whole audit. Activates nothing."),
        ({"role": "delegated_admin"}, "Activates and deactivates scan types in these accounts. Not now: this"),
        ({"role": "delegated_admin", "all_accounts": True}, "Changes the organization's settings."),
        ({"role": ""}, "Nothing: no role."),
        ({"is_active": False}, "Nothing: may not log in."),
    ],
)
def test_the_page_says_what_a_person_sees_and_may_do(as_root, team, change, words):
    Person.objects.filter(pk=team.pk).update(**change)
    assert words in read(as_root.get(page_of(team))).text


def test_a_role_that_counts_for_granted_accounts_without_a_grant_is_said_to_see_nothing(as_root):
    empty = factories.person("empty", role="account_viewer")
    assert "Nothing: the role counts for granted accounts alone" in read(as_root.get(page_of(empty))).text


# --- Changing


def test_a_role_is_changed_and_counts_at_once(as_root, team, as_person):
    client = as_person(team)
    assert read(client.get("/coverage/accounts/")).text.count("search-prod") == 0
    response = as_root.post(page_of(team), {"role": "viewer", "is_active": "1"}, follow=True)
    assert "Saved. It counts from team's next click on." in read(response).text
    assert "search-prod" in read(client.get("/coverage/accounts/")).text
    as_root.post(page_of(team), {"role": "", "is_active": "1"})
    assert "You have no role yet" in read(client.get("/coverage/accounts/")).text
    assert told(Event.ROLE_CHANGED) == [
        ("root", "team", "Account viewer", "Viewer"),
        ("root", "team", "Viewer", "No role"),
    ]
    assert set(AuditEvent.objects.values_list("ip", flat=True)) == {"127.0.0.1"}


def test_saving_what_is_so_already_is_no_event(as_root, team):
    as_root.post(page_of(team), {"role": "account_viewer", "is_active": "1"})
    assert not AuditEvent.objects.exists()


def test_all_accounts_goes_with_delegated_admins_alone(as_root, team):
    as_root.post(page_of(team), {"role": "account_viewer", "all_accounts": "1", "is_active": "1"})
    team.refresh_from_db()
    assert not team.all_accounts
    as_root.post(page_of(team), {"role": "delegated_admin", "all_accounts": "1", "is_active": "1"})
    team.refresh_from_db()
    assert team.all_accounts
    assert told(Event.ROLE_CHANGED) == [("root", "team", "Account viewer", "Delegated admin of all accounts")]


def test_switching_somebody_off_ends_every_session_for_good(as_root, team, as_person):
    client = as_person(team)
    as_root.post(page_of(team), {"role": "account_viewer"})
    assert client.get("/sync/").status_code == 302
    as_root.post(page_of(team), {"role": "account_viewer", "is_active": "1"})
    assert client.get("/sync/").status_code == 302, "let in again, but not by the old session"
    assert as_root.get("/sync/").status_code == 200
    assert told(Event.ROLE_CHANGED)[0] == ("root", "team", "Account viewer", "Account viewer; inactive")


def test_groups_are_given_and_taken(as_root, team):
    group = Group.objects.create(name="search team")
    AccountGrant.objects.create(group=group, organizational_unit=UNIT)
    as_root.post(page_of(team), {"role": "account_viewer", "is_active": "1", "groups": [group.pk]})
    assert set(AwsAccount.objects.visible_to(team).named()) == {PAYMENTS, SEARCH}
    assert told(Event.ROLE_CHANGED) == [("root", "team", "Account viewer", "Account viewer; groups: search team")]
    as_root.post(page_of(team), {"role": "account_viewer", "is_active": "1"})
    assert set(AwsAccount.objects.visible_to(team).named()) == {PAYMENTS}


def test_fields_that_the_form_does_not_have_are_ignored(as_root, team):
    more = {"is_superuser": "1", "is_staff": "1", "username": "root2", "password": "x", "actor": "x", "id": "1"}
    as_root.post(page_of(team), {"role": "viewer", "is_active": "1", **more})
    team.refresh_from_db()
    assert (team.is_superuser, team.is_staff, team.username, team.role) == (False, False, "team", "viewer")
    assert team.check_password(factories.PASSWORD)


@pytest.mark.parametrize("data", [{"role": "emperor"}, {"role": "viewer", "groups": ["999"]}, {"groups": ["x"]}])
def test_what_is_not_understood_is_refused_in_words(as_root, team, data):
    assert as_root.post(page_of(team), data).status_code == 400
    team.refresh_from_db()
    assert (team.role, team.is_active) == ("account_viewer", True)


def test_nobody_changes_their_own_role_or_grants(as_root, root):
    page = read(as_root.get(page_of(root)))
    assert "This is you." in page.text
    assert f'action="{page_of(root)}' not in page.html
    for address, data in (
        (page_of(root), {"role": "delegated_admin", "is_active": "1"}),
        (f"{page_of(root)}grants/", {"account_id": PAYMENTS}),
    ):
        assert "Nobody changes their own" in read(as_root.post(address, data), 400).text
    grant = AccountGrant.objects.create(person=root, account_id=SEARCH)
    assert as_root.post(f"/people/grants/{grant.pk}/remove/").status_code == 400
    assert AccountGrant.objects.filter(pk=grant.pk).exists()
    root.refresh_from_db()
    assert root.role == "site_admin"
    assert not AuditEvent.objects.exists()


def test_nor_the_grants_of_a_group_that_they_are_in(as_root, root):
    group = Group.objects.create(name="admins")
    root.groups.add(group)
    grant = AccountGrant.objects.create(group=group, account_id=SEARCH)
    for address in (f"/people/groups/{group.pk}/grants/", f"/people/grants/{grant.pk}/remove/"):
        assert "a group that they are in" in read(as_root.post(address, {"account_id": PAYMENTS}), 400).text
    assert as_root.post(f"/people/groups/{group.pk}/delete/").status_code == 400
    assert list(group.grants.values_list("account_id", flat=True)) == [SEARCH]


def test_the_last_active_site_admin_stays(root):
    factories.person("switched off", role="site_admin", is_active=False)
    for wanted in (Rights("viewer", False, True, frozenset()), Rights("site_admin", False, False, frozenset())):
        with pytest.raises(Refused, match="the last active site admin"):
            change_rights(root, wanted, Actor("manage.py"))
    root.refresh_from_db()
    assert root.is_site_admin


def test_of_two_admins_who_switch_one_another_off_the_second_is_refused(root):
    """Both read the page before the other saved: what counts is what is so when it is written."""
    other = factories.person("other", role="site_admin")
    gone = Rights("", False, True, frozenset())
    assert change_rights(other, gone, Actor("root", None, root))
    with pytest.raises(Refused, match="You are no site admin any more"):
        change_rights(root, gone, Actor("other", None, other))


def test_without_the_audit_nothing_is_changed(as_root, team, monkeypatch):
    def fail(*args: Any, **facts: Any) -> None:
        raise RuntimeError("the audit cannot be written")

    monkeypatch.setattr("accounts.audit.record", fail)
    as_root.raise_request_exception = False
    assert as_root.post(page_of(team), {"role": "site_admin", "is_active": "1"}).status_code == 500
    assert as_root.post(f"{page_of(team)}grants/", {"account_id": SEARCH}).status_code == 500
    team.refresh_from_db()
    assert team.role == "account_viewer"
    assert team.grants.count() == 1


# --- Grants


def test_accounts_and_units_are_granted_and_taken_back(as_root, team):
    address = f"{page_of(team)}grants/"
    as_root.post(address, {"account_id": SEARCH})
    as_root.post(address, {"organizational_unit": f"{UNIT}/"})
    as_root.post(address, {"organizational_unit": UNIT})
    page = read(as_root.get(page_of(team)))
    assert [row["Account or unit"] for row in page.tables[0]] == [
        "payments-prod 111122223333",
        "search-prod 444455556666",
        UNIT,
    ]
    for grant in team.grants.exclude(account_id=PAYMENTS):
        as_root.post(f"/people/grants/{grant.pk}/remove/")
    assert told(Event.GRANT_ADDED) == [("root", "team", "", SEARCH), ("root", "team", "", UNIT)]
    assert sorted(told(Event.GRANT_REMOVED)) == [("root", "team", SEARCH, ""), ("root", "team", UNIT, "")]
    assert AuditEvent.objects.filter(event=Event.GRANT_ADDED, account_id=SEARCH).count() == 1


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"account_id": "12"},
        {"account_id": "１２３４５６７８９０１２"},
        {"account_id": PAYMENTS, "organizational_unit": UNIT},
        {"organizational_unit": "o-1/r-1/ou-%"},
        {"organizational_unit": "/"},
        {"account_id": "\x0011122223333"},
    ],
)
def test_a_grant_names_one_account_or_one_unit(as_root, team, data):
    assert as_root.post(f"{page_of(team)}grants/", data).status_code == 400
    assert team.grants.count() == 1


# --- Groups


def test_a_group_is_created_renamed_and_given_something(as_root):
    as_root.post("/people/groups/", {"name": "search"})
    group = Group.objects.get()
    assert "“search” already" in read(as_root.post("/people/groups/", {"name": "search"}), 400).text
    as_root.post(f"/people/groups/{group.pk}/", {"name": "search team"})
    as_root.post(f"/people/groups/{group.pk}/grants/", {"account_id": SEARCH})
    page = read(as_root.get("/people/groups/"))
    assert page.rows == [{"Group": "search team", "People": "0", "Grants": "1"}]
    assert told(Event.SETTINGS_CHANGED) == [
        ("root", "group search", "", "created"),
        ("root", "group search", "search", "search team"),
    ]
    assert told(Event.GRANT_ADDED) == [("root", "group search team", "", SEARCH)]


def test_before_a_group_is_deleted_the_page_says_what_is_lost(as_root, team):
    group = Group.objects.create(name="search team")
    team.groups.add(group)
    AccountGrant.objects.create(group=group, account_id=SEARCH)
    ClaimRule.objects.create(value="sre", group=group, role="viewer")
    ClaimRule.objects.create(value="other", role="viewer")
    text = read(as_root.get(f"/people/groups/{group.pk}/delete/")).text
    assert "1 grant: 444455556666 search-prod" in text
    assert "1 single sign-on rule: groups=sre: Viewer, group search team" in text
    assert "is not seen any more by team ." in text
    assert Group.objects.exists()
    as_root.post(f"/people/groups/{group.pk}/delete/")
    assert not Group.objects.exists()
    assert list(ClaimRule.objects.values_list("value", flat=True)) == ["other"]
    assert told(Event.GRANT_REMOVED) == [("root", "group search team", SEARCH, "")]
    assert told(Event.ROLE_CHANGED) == [("root", "team", "Account viewer; groups: search team", "Account viewer")]
    assert ("root", "rule groups=sre", "groups=sre: Viewer, group search team", "") in told(Event.SETTINGS_CHANGED)
    assert ("root", "group search team", "", "deleted") in told(Event.SETTINGS_CHANGED)


# --- Rules


def test_rules_are_added_changed_and_deleted(as_root):
    group = Group.objects.create(name="search team")
    as_root.post("/people/rules/", {"claim": "groups", "value": "sre", "role": "delegated_admin", "all_accounts": "1"})
    rule = ClaimRule.objects.get()
    assert read(as_root.get("/people/rules/")).rows == [
        {"Claim": "groups", "Value": "sre", "Role": "Delegated admin of all accounts", "Group": "—"}
    ]
    assert as_root.get(f"/people/rules/{rule.pk}/").status_code == 200
    changed = {"claim": "groups", "value": "sre", "role": "viewer", "all_accounts": "1", "group": group.pk}
    as_root.post(f"/people/rules/{rule.pk}/", changed)
    rule.refresh_from_db()
    assert (rule.role, rule.all_accounts, rule.group) == ("viewer", False, group)
    as_root.post(f"/people/rules/{rule.pk}/delete/")
    assert not ClaimRule.objects.exists()
    first, second = "groups=sre: Delegated admin of all accounts", "groups=sre: Viewer, group search team"
    assert told(Event.SETTINGS_CHANGED) == [
        ("root", "rule groups=sre", "", first),
        ("root", "rule groups=sre", first, second),
        ("root", "rule groups=sre", second, ""),
    ]


@pytest.mark.parametrize(
    "data",
    [
        {"claim": "groups", "value": "sre"},
        {"claim": "groups", "value": "known", "role": "viewer"},
        {"claim": "", "value": "sre", "role": "viewer"},
        {"claim": "groups", "value": "sre", "role": "emperor"},
        {"claim": "groups", "value": "sre", "group": "99"},
    ],
)
def test_a_rule_that_gives_nothing_or_exists_is_refused(as_root, data):
    ClaimRule.objects.create(value="known", role="viewer")
    assert as_root.post("/people/rules/", data).status_code == 400
    assert ClaimRule.objects.count() == 1


# --- Others


@pytest.mark.parametrize("role", ["", "viewer", "account_viewer", "delegated_admin"])
def test_others_may_not_even_look(as_person, team, role):
    client = as_person(factories.person("somebody", role=role, all_accounts=True))
    for address in ("/people/", page_of(team), "/people/groups/", "/people/rules/"):
        assert client.get(address).status_code == 403
    assert client.post(page_of(team), {"role": "site_admin", "is_active": "1"}).status_code == 403
    assert "/people/" not in read(client.get("/sync/")).links.values()
    assert AuditEvent.objects.filter(event=Event.DENIED, actor="somebody").count() == 5
