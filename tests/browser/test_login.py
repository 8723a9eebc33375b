"""Passkeys in a real browser with an authenticator of its own, under the strict policy of our pages."""

from __future__ import annotations

import pytest

from accounts.choices import Event
from accounts.models import AuditEvent
from tests import factories

expect = pytest.importorskip("playwright.sync_api", reason="playwright is not installed").expect
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def page(open_page):
    """The login page, in a browser with an authenticator that confirms everything."""
    page = open_page("/sync/")
    page.context.clear_cookies()
    devtools = page.context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    devtools.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    page.goto("/login/?next=/coverage/instances/%3Fgroup%3Dall")
    return page


def log_in_by_password(page) -> None:
    page.get_by_label("Name").fill("viewer")
    page.get_by_label("Password").fill(factories.PASSWORD)
    page.get_by_role("button", name="Log in", exact=True).click()
    expect(page.get_by_label("Password")).to_have_count(0)


def add_passkey(page, *, alone: bool) -> None:
    page.goto("/security/")
    page.get_by_role("link", name="Add").click()
    page.get_by_label("Password").fill(factories.PASSWORD)
    page.get_by_role("button", name="Confirm").click()
    page.get_by_label("Name").fill("Key ring")
    if alone:
        page.get_by_role("checkbox").check()
    page.get_by_role("button", name="Add").click()
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()


def log_out(page) -> None:
    page.locator(".menu summary").click()
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()


def test_a_passkey_logs_in_alone_and_leads_to_the_page_that_was_asked_for(page):
    log_in_by_password(page)
    add_passkey(page, alone=True)
    log_out(page)
    page.goto("/login/?next=/coverage/instances/%3Fgroup%3Dall")
    page.get_by_role("button", name="Log in with a passkey").click()
    page.wait_for_url("**/coverage/instances/?group=all")
    assert AuditEvent.objects.filter(event=Event.LOGIN).latest("id").reason == "Passkey"


def test_a_passkey_is_the_second_step_after_the_password(page):
    log_in_by_password(page)
    add_passkey(page, alone=False)
    log_out(page)
    page.goto("/login/?next=/coverage/instances/%3Fgroup%3Dall")
    log_in_by_password(page)
    expect(page.get_by_role("heading", name="Second step")).to_be_visible()
    page.get_by_role("button", name="Use a passkey").click()
    page.wait_for_url("**/coverage/instances/?group=all")
    page.goto("/security/")
    page.get_by_role("link", name="Remove Key ring").click()
    page.get_by_label("Password").fill(factories.PASSWORD)
    page.get_by_role("button", name="Confirm").click()
    page.get_by_role("button", name="Remove").click()
    expect(page.get_by_text("The passkey is removed.")).to_be_visible()


def test_an_app_is_set_up_with_the_picture(page):
    log_in_by_password(page)
    page.goto("/security/")
    page.get_by_role("link", name="Set up").click()
    page.get_by_label("Password").fill(factories.PASSWORD)
    page.get_by_role("button", name="Confirm").click()
    picture = page.get_by_alt_text("The key below as a picture")
    expect(picture).to_be_visible()
    # Waiting for an expression would evaluate it in the page, which the policy forbids.
    page.wait_for_load_state("load")
    assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
