"""What every template may ask for."""

from __future__ import annotations

from django.http import HttpRequest

from scanning.frame import Frame, frame_of


def site(request: HttpRequest) -> dict[str, Frame]:
    """`frame`: how fresh the pages are, the tabs and the tiles. Nothing is read until a template asks.

    Not called `site`: Django's login view has a variable of that name.
    """
    return {"frame": frame_of(request)}
