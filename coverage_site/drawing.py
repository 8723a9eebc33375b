"""How a plain fact is drawn, once: a time, an age, severities, an account, a link that is safe to follow."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from html import escape
from urllib.parse import urlsplit

from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe

NOTHING = mark_safe('<span class="quiet">—</span>')
SEVERITIES = (("critical", "c"), ("high", "h"), ("medium", "m"), ("low", "l"))


def markup(shape: str, *values: object) -> SafeString:
    """Django's format_html at a third of its cost, which tells at 500 cells a page: what is not safe is escaped."""
    return SafeString(
        shape.format(*[value if isinstance(value, SafeString) else escape(str(value)) for value in values])
    )


def noun_for(number: int, plural: str) -> str:
    """The noun in the form that goes with the number."""
    if number != 1:
        return plural
    return plural.removesuffix("ies") + "y" if plural.endswith("ies") else plural.removesuffix("s")


def age_words(age: timedelta) -> str:
    """An age in the largest unit that says enough: “4 minutes”, “9 days”."""
    seconds = int(age.total_seconds())
    for unit, size, at_least in (("year", 31_557_600, 63_115_200), ("day", 86_400, 172_800), ("hour", 3_600, 7_200)):
        if seconds >= at_least:
            return f"{seconds // size} {unit}s"
    minutes = seconds // 60
    if minutes < 1:
        return "less than a minute"
    return "1 minute" if minutes == 1 else f"{minutes} minutes"


def ago(at: datetime, now: datetime) -> str:
    """How long ago. A time ahead of our clock is given as it is: two clocks may differ."""
    if at > now + timedelta(minutes=2):
        return absolute(at)
    return "just now" if now - at < timedelta(minutes=1) else f"{age_words(now - at)} ago"


def absolute(at: datetime) -> str:
    at = at.astimezone(UTC)
    return f"{at.day} {at:%b %Y, %H:%M} UTC"


def clock(at: datetime, now: datetime) -> str:
    """A recent time by the clock, an older one by its day."""
    at = at.astimezone(UTC)
    return f"{at:%H:%M} UTC" if now - at < timedelta(hours=20) else f"{at.day} {at:%b %Y, %H:%M} UTC"


def draw_time(at: datetime | None, now: datetime, never: str = "never") -> SafeString:
    """How long ago, with the exact time on hover."""
    if at is None:
        return markup('<span class="quiet">{}</span>', never)
    return markup('<time datetime="{}" title="{}">{}</time>', _machine(at), absolute(at), ago(at, now))


def draw_full_time(at: datetime | None, now: datetime, never: str = "never") -> SafeString:
    """The exact time, and how long ago that was."""
    if at is None:
        return markup('<span class="quiet">{}</span>', never)
    shape = '<time datetime="{}">{}</time> <span class="quiet">({})</span>'
    return markup(shape, _machine(at), absolute(at), ago(at, now))


def _machine(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def draw_severities(counts: dict[str, int], *, aged: bool = False) -> SafeString:
    """Critical, high, medium and low as four boxes; what is informational or untriaged as a remainder."""
    boxes = SafeString(
        "".join(
            f'<span class="{mark}" title="{name.capitalize()}">{counts[name]:,}</span>'
            if counts.get(name)
            else f'<span class="z" title="{name.capitalize()}">–</span>'
            for name, mark in SEVERITIES
        )
    )
    rest = counts.get("informational", 0) + counts.get("untriaged", 0)
    more = markup('<span class="z more" title="Informational or untriaged">+{}</span>', f"{rest:,}") if rest else ""
    words = ", ".join(f"{counts.get(name, 0)} {name}" for name, _ in SEVERITIES)
    aged_class = " aged" if aged else ""
    return markup('<span class="sev{}" role="img" aria-label="{}">{}{}</span>', aged_class, words, boxes, more)


def account_url(account_id: str) -> str:
    return reverse("account", args=[account_id])


def draw_account(account_id: str, name: str) -> SafeString:
    if not name:
        return markup('<a class="id" href="{}">{}</a>', account_url(account_id), account_id)
    shape = '<a href="{}">{}</a><br><span class="id quiet">{}</span>'
    return markup(shape, account_url(account_id), name, account_id)


def draw_link(url: str, text: str = "") -> SafeString:
    """A link out of the dashboard, if it is one of the web; anything else that AWS sends stays text."""
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        return markup("{} ({})", text, url) if text and text != url else markup("{}", url)
    return markup('<a href="{}" rel="noopener noreferrer" target="_blank">{}</a>', url, text or url)


def draw_tags(tags: object, *, excluding: frozenset[str] = frozenset(), most: int | None = None) -> SafeString:
    """Tags of a resource (key: value) or of an image (words). What excludes the resource from scans comes first."""
    if not isinstance(tags, (dict, list)) or not tags:
        return NOTHING
    if isinstance(tags, dict):
        lines = sorted((str(key), f"{key}: {value}" if value != "" else str(key)) for key, value in tags.items())
    else:
        lines = [("", str(tag)) for tag in tags]
    lines.sort(key=lambda line: line[0] not in excluding)
    shown = lines if most is None else lines[:most]
    drawn = [_tag(text, is_excluding=key in excluding) for key, text in shown]
    left = [text for _, text in lines[len(shown) :]]
    if left:
        more = markup('<span class="quiet" title="{}">+{}</span>', ", ".join(left), len(left))
        drawn[-1] = markup('<span class="tag-and-more">{}{}</span>', drawn[-1], more)
    return SafeString("".join(drawn))


def _tag(text: str, *, is_excluding: bool) -> SafeString:
    if is_excluding:
        return markup('<span class="tag excluding" title="{} (excludes it from scans)">{}</span>', text, text)
    return markup('<span class="tag" title="{}">{}</span>', text, text)
