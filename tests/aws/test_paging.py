"""Reading every page of a list call, or failing."""

from collections.abc import Iterator
from typing import Any

import pytest

from aws.errors import EndlessPages, IncompletePage
from aws.paging import ask, pages


class Pages:
    """A client whose `list_things` gives these answers one after the other, and the last one again and again."""

    def __init__(self, *answers: dict[str, Any]) -> None:
        self.answers = list(answers)
        self.asked: list[dict[str, Any]] = []

    def list_things(self, **parameters: Any) -> dict[str, Any]:
        self.asked.append(parameters)
        return self.answers[min(len(self.asked), len(self.answers)) - 1]


def read(client: Pages, **parameters: Any) -> Iterator[Any]:
    return pages(client, "list_things", "things", **parameters)


def test_pages_are_read_until_there_is_no_token() -> None:
    client = Pages(
        {"things": [{"n": 1}], "nextToken": "a"}, {"things": [{"n": 2}], "nextToken": "b"}, {"things": [{"n": 3}]}
    )
    assert [*read(client, maxResults=1)] == [[{"n": 1}], [{"n": 2}], [{"n": 3}]]
    assert client.asked == [
        {"maxResults": 1},
        {"maxResults": 1, "nextToken": "a"},
        {"maxResults": 1, "nextToken": "b"},
    ]


def test_an_empty_token_ends_the_list_and_an_empty_page_does_not() -> None:
    empty = [{"things": [], "nextToken": token} for token in "abc"]
    client = Pages(*empty, {"things": [{"n": 1}], "nextToken": ""})
    assert [*read(client)] == [[], [], [], [{"n": 1}]]
    client = Pages({"things": [{"n": 1}], "nextToken": "t"}, *empty, {"things": []})
    assert [*read(client)] == [[{"n": 1}], [], [], [], []]


def test_organizations_spells_its_token_with_a_capital() -> None:
    client = Pages({"things": [{"n": 1}], "NextToken": "a"}, {"things": [{"n": 2}]})
    assert [*read(client)] == [[{"n": 1}], [{"n": 2}]]
    assert client.asked[1] == {"NextToken": "a"}


@pytest.mark.parametrize(
    "answer", [{}, {"things": None}, {"message": "<html>"}, {"things": {}}, {"things": ["row"]}, {"things": [None]}]
)
def test_a_page_without_its_list_fails_the_read_after_three_attempts(answer: dict[str, Any]) -> None:
    client = Pages({"things": [{"n": 1}], "nextToken": "a"}, answer)
    with pytest.raises(IncompletePage, match="without its list 'things'"):
        [*read(client)]
    assert client.asked[1:] == [{"nextToken": "a"}] * 3


def test_a_page_that_is_whole_at_the_second_attempt_is_read() -> None:
    client = Pages({}, {"things": [{"n": 1}]})
    assert [*read(client)] == [[{"n": 1}]]


def test_tokens_that_go_round_in_a_circle_fail_the_read() -> None:
    client = Pages(
        {"things": [{"n": 1}], "nextToken": "a"},
        {"things": [{"n": 2}], "nextToken": "b"},
        {"things": [{"n": 1}], "nextToken": "a"},
    )
    with pytest.raises(EndlessPages, match="for the second time"):
        [*read(client)]
    assert len(client.asked) == 3


def test_the_ceiling_is_a_failure_and_not_an_end() -> None:
    class Endless(Pages):
        def list_things(self, **parameters: Any) -> dict[str, Any]:
            self.asked.append(parameters)
            return {"things": [{"n": 1}], "nextToken": str(len(self.asked))}

    client = Endless()
    with pytest.raises(EndlessPages, match="did not end within 5 pages"):
        [*read(client, most_pages=5)]
    assert len(client.asked) == 5


def test_one_answer_must_carry_its_list_too() -> None:
    with pytest.raises(IncompletePage):
        ask(Pages({"other": []}), "list_things", "things")
