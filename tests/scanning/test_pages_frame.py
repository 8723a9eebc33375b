"""What stands around every page: freshness, what could not be read, login, fragments, theme, errors."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.db import InterfaceError, OperationalError
from django.template.loader import get_template
from django.utils import timezone

from aws.choices import ScopeState
from aws.models import SyncScope
from tests import factories
from tests.reading import read

pytestmark = pytest.mark.django_db

PAGE = "/coverage/instances/"
HTMX = {"HX-Request": "true"}
MINUTE = timedelta(minutes=1)


# --- Freshness


def test_fresh_pages_say_as_of_when_they_are(as_viewer):
    factories.read(age=4 * MINUTE)
    factories.read(factories.OTHER_REGION, age=MINUTE)
    page = read(as_viewer.get(PAGE))
    assert page.links["As of 4 minutes ago"] == "/sync/"
    assert 'class="notice"' not in page.html


def test_a_failed_region_is_told_with_time_and_error_and_what_is_shown_instead(as_viewer):
    factories.read(age=MINUTE)
    factories.instance("web")
    factories.instance("web", region=factories.OTHER_REGION)
    for part in ("AWS_EC2_INSTANCE", "statistics"):
        factories.scope("coverage", factories.OTHER_REGION, part, age=40 * MINUTE)
        factories.fail("coverage", factories.OTHER_REGION, part, error="access denied to ListCoverage")
    text = read(as_viewer.get(PAGE)).text
    assert "1 of 2 Regions current, oldest " in text
    assert "eu-west-1 could not be read since " in text
    assert ": access denied to ListCoverage. Its 1 resource is shown as of " in text


def test_one_type_that_failed_is_told_by_its_name(as_viewer):
    factories.read()
    factories.fail("coverage", "us-east-1", "AWS_LAMBDA_FUNCTION", error="throttled")
    factories.fail("findings", "us-east-1", error="throttled")
    factories.fail("accounts", "us-east-1", error="refused")
    factories.fail("organization", "global", error="Organizations is denied")
    text = read(as_viewer.get(PAGE)).text
    assert "Functions and findings in us-east-1 could not be read" in text
    assert "Account statuses in us-east-1 could not be read" in text
    assert "The accounts of the organization could not be read" in text


def test_a_scope_that_is_held_or_stale_is_told(as_viewer):
    factories.read()
    factories.fail("coverage", "us-east-1", "AWS_EC2_INSTANCE", state=ScopeState.HELD, error="312 of 400 would go.")
    factories.read(factories.OTHER_REGION, age=46 * MINUTE, types=["AWS_EC2_INSTANCE"])
    text = read(as_viewer.get(PAGE)).text
    assert "Instances in us-east-1 held since" in text
    assert "312 of 400 would go. It was" in text or "312 of 400 would go. What is shown is as of" in text
    assert "eu-west-1" in text
    assert "not read lately" in text


def test_when_nothing_is_read_any_more_one_line_says_so(as_viewer):
    for region in ("us-east-1", "eu-west-1"):
        factories.read(region, age=50 * MINUTE)
    factories.scope("organization", "global", age=50 * MINUTE)
    page = read(as_viewer.get(PAGE))
    assert page.html.count('class="notice"') == page.text.count("not read lately") == 1
    assert (
        "The organization, eu-west-1 and us-east-1 not read lately. Is the worker running? What is shown is as of"
        in page.text
    )


def test_many_troubles_do_not_push_the_page_away(as_viewer):
    factories.read()
    for number, part in enumerate(("AWS_EC2_INSTANCE", "AWS_LAMBDA_FUNCTION", "AWS_ECR_REPOSITORY", "CODE_REPOSITORY")):
        factories.fail("coverage", "us-east-1", part, error=f"error {number}.")
    page = read(as_viewer.get(PAGE))
    assert "1 more" in page.text
    assert "error 3." in page.html.partition('<details id="more-notices">')[2]
    assert "error 2." in page.html.partition('<details id="more-notices">')[0]


def test_what_is_a_little_late_is_not_stale(as_viewer):
    factories.read(age=44 * MINUTE)
    assert "not read lately" not in read(as_viewer.get(PAGE)).text


def test_a_region_where_inspector_is_not_offered_is_no_trouble(as_viewer):
    factories.read()
    factories.scope("coverage", "eu-west-1", "statistics", state=ScopeState.SKIPPED, last_complete_at=None)
    page = read(as_viewer.get(PAGE))
    assert "As of just now" in page.links
    assert 'class="notice"' not in page.html


def test_before_the_first_read_pages_say_so(as_viewer):
    assert "Not read yet" in read(as_viewer.get(PAGE)).links
    SyncScope.objects.create(what="coverage", region="us-east-1", lease_until=timezone.now() + MINUTE)
    assert "Being read for the first time" in read(as_viewer.get(PAGE)).links


# --- Page and fragment


def test_a_fragment_is_what_the_page_includes(as_viewer):
    factories.read()
    factories.instance("web")
    fragment = as_viewer.get(PAGE + "?group=scanning&q=", headers=HTMX)
    content = fragment.content.decode()
    assert "<title>Instances · Inspector coverage</title>" in content
    assert '<div id="coverage">' in content
    assert "<html" not in content
    assert fragment["HX-Push-Url"] == PAGE + "?group=scanning"


def test_back_reload_and_a_shared_link_get_the_whole_page(as_viewer):
    assert b"<html" in as_viewer.get(PAGE).content
    restored = as_viewer.get(PAGE, headers={**HTMX, "HX-History-Restore-Request": "true"})
    assert b"<html" in restored.content


@pytest.mark.parametrize("path", [PAGE, "/sync/", "/login/", "/coverage/instances/export.csv", "/nothing/"])
def test_no_response_is_kept_by_anybody_and_fragments_are_told_from_pages(as_viewer, path):
    response = as_viewer.get(path)
    assert {"private", "no-store"} <= {word.strip() for word in response["Cache-Control"].split(",")}
    assert "HX-Request" in response["Vary"]


def test_a_fragment_without_a_session_sends_the_page_to_the_login_and_back(client):
    headers = {**HTMX, "HX-Current-URL": "http://testserver/coverage/images/?group=all"}
    response = client.get(PAGE, headers=headers)
    assert response.status_code == 204
    assert response["HX-Redirect"] == "/login/?next=%2Fcoverage%2Fimages%2F%3Fgroup%3Dall"
    assert response.content == b""


def test_a_fragment_never_leads_back_to_another_host(client):
    headers = {**HTMX, "HX-Current-URL": "https://evil.example/coverage/"}
    assert client.get(PAGE, headers=headers)["HX-Redirect"] == "/login/?next=/coverage/instances/"


def test_pages_have_nothing_inline_and_the_policy_forbids_it(as_viewer):
    factories.read()
    row = factories.unmanaged_instance("web")
    for path in (PAGE + "?about=unmanaged-ec2-instance", row.get_absolute_url(), "/sync/"):
        response = as_viewer.get(path)
        html = response.content.decode()
        policy = {part.split()[0]: part.split()[1:] for part in response["Content-Security-Policy"].split("; ")}
        assert policy["default-src"] == ["'none'"]
        assert policy["script-src"] == policy["style-src"] == ["'self'"]
        assert " style=" not in html
        assert "<style" not in html
        assert " onclick" not in html
        assert html.count("<script") == html.count("<script src=") + html.count("<script defer src=")


# --- Way in, theme, health


def test_the_first_page_is_that_of_the_accounts(as_viewer):
    assert as_viewer.get("/")["Location"] == "/coverage/accounts/"


@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
def test_healthz_answers_anybody_while_the_database_does(client, monkeypatch, error):
    assert client.get("/healthz").json() == {"status": "ok"}

    def refuse(*args, **kwargs):
        raise error("no route to the database")

    monkeypatch.setattr("coverage_site.views.connection.cursor", refuse)
    response = client.get("/healthz")
    assert response.status_code == 503
    assert "no route" not in response.content.decode()


def test_the_theme_is_remembered_and_leads_back(as_viewer):
    response = as_viewer.post("/theme/", {"theme": "dark", "next": PAGE + "?q=web"})
    assert response["Location"] == PAGE + "?q=web"
    assert '<html lang="en" data-theme="dark">' in as_viewer.get(PAGE).content.decode()
    as_viewer.post("/theme/", {"theme": "system"})
    assert '<html lang="en">' in as_viewer.get(PAGE).content.decode()


@pytest.mark.parametrize("back", ["https://evil.example/", "//evil.example", "javascript:alert(1)", ""])
def test_the_theme_never_leads_to_another_host(client, back):
    assert client.post("/theme/", {"theme": "light", "next": back})["Location"] == "/"


def test_a_theme_that_does_not_exist_is_refused(client):
    assert client.post("/theme/", {"theme": "neon"}).status_code == 400
    client.cookies["theme"] = '"><script>'
    assert b'"><script>' not in client.get("/login/").content


# --- Errors


def test_a_wrong_address_is_answered_in_words(as_viewer, client):
    assert "There is nothing here that you can see" in read(as_viewer.get("/nothing/"), status=404).text
    assert "There is nothing here that you can see" in read(client.get("/nothing/"), status=404).text


def test_a_failure_is_answered_without_a_query_and_without_details(as_viewer, monkeypatch, django_assert_num_queries):
    as_viewer.raise_request_exception = False

    def fail(error):
        def read_filters(*args):
            raise error

        monkeypatch.setattr("scanning.views.read_filters", read_filters)
        return as_viewer.get(PAGE)

    with django_assert_num_queries(2):  # session and person, before the view
        page = read(fail(RuntimeError("secret detail")), status=500)
    assert "Something went wrong here" in page.text
    assert "secret detail" not in page.html
    assert "The database does not answer" in read(fail(OperationalError("secret")), status=503).text


def test_a_form_without_a_token_is_refused_in_words(viewer):
    from django.test import Client

    client = Client(enforce_csrf_checks=True)
    client.force_login(viewer)
    assert "The form was too old" in read(client.post("/theme/", {"theme": "dark"}), status=403).text


@pytest.mark.parametrize("name", ["500.html", "503.html", "403_csrf.html", "400_plain.html"])
def test_error_pages_that_must_always_work_ask_for_nothing(name, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert "<h1>" in get_template(name).render()


def test_a_host_that_is_not_ours_is_refused(client):
    assert client.get("/login/", headers={"host": "evil.example"}).status_code == 400


# --- The menu


@pytest.mark.parametrize(
    ("address", "current"),
    [
        ("/coverage/accounts/", "Coverage"),
        (PAGE, "Coverage"),
        ("/sync/", "Sync"),
        ("/sync/permissions/", "Sync"),
        ("/activation/", "Activation"),
        ("/security/", "Security"),
        (f"{PAGE}?group=wrong", None),
        ("/nothing/", None),
        ("/people/", None),
    ],
)
def test_the_menu_marks_where_one_is_and_nothing_on_errors(as_viewer, address, current):
    menu = as_viewer.get(address).content.decode().partition("<main")[0]
    assert re.findall(r"<a [^>]*aria-current[^>]*>([^<]+)", menu) == ([current] if current else [])


def test_resource_finding_and_account_are_part_of_coverage(as_viewer):
    factories.read()
    row = factories.instance("web")
    for address in (row.get_absolute_url(), factories.finding(row).get_absolute_url(), f"/accounts/{row.account_id}/"):
        assert 'aria-current="true">Coverage' in as_viewer.get(address).content.decode()


def test_the_login_marks_nothing_as_current(client):
    assert "aria-current" not in client.get("/login/").content.decode()
