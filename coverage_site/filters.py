"""What a page's filters are made of: choices, tokens, and a field that says what it does not know."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django import forms

LONGEST_TEXT = 1024
"""Of a search for a name or an id."""


@dataclass(frozen=True)
class Token:
    """A filter in force, and the address without it."""

    text: str
    address: str


@dataclass(frozen=True)
class Option:
    value: str
    label: str
    is_chosen: bool
    count: int | None = None


@dataclass(frozen=True)
class Picker:
    """A filter that takes several values: a list of choices, or a text where there are too many to list."""

    name: str
    label: str
    options: Sequence[Option]
    takes_text: bool = False

    @property
    def chosen(self) -> int:
        return sum(option.is_chosen for option in self.options)


class ChoiceListField(forms.Field):
    """Values from a list of choices, each perhaps given again. Says which one it does not know."""

    def __init__(self, allowed: Iterable[str], what: str) -> None:
        super().__init__(required=False, widget=forms.SelectMultiple)
        self.allowed = frozenset(allowed)
        self.what = what

    def clean(self, value: Any) -> list[str]:
        values = [text for text in value or [] if text]
        for text in values:
            if text not in self.allowed:
                raise forms.ValidationError(f"“{text[:60]}” is not {self.what}.")
        return list(dict.fromkeys(values))
