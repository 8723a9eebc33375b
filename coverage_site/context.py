"""What every template may ask for."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest

from scanning.frame import Frame, frame_of


def site(request: HttpRequest) -> dict[str, Frame | str]:
    """`frame`: how fresh the pages are, the tabs and the tiles. Nothing is read until a template asks.

    `single_sign_on`: the name of the identity provider, if there is one.

    Not called `site`: Django's login view has a variable of that name.
    """
    provider = settings.COVERAGE_OIDC
    return {"frame": frame_of(request), "single_sign_on": provider.name if provider else ""}
