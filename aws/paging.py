"""Read every page of a list call, or fail: a list that ends early looks exactly like one whose rows are gone."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

from aws.errors import EndlessPages, IncompletePage, ServiceError, TokenRefused, describe, error_code, request_id

MOST_PAGES = 200_000
ATTEMPTS = 3
BAD_TOKEN = {"ValidationException", "InvalidNextTokenException", "InvalidInputException", "BadRequestException"}
"""What a service may say of a page token that it does not accept; of the first page it means something else."""


def pages(
    client: Any, operation: str, result_key: str, *, most_pages: int = MOST_PAGES, **parameters: Any
) -> Iterator[list[dict[str, Any]]]:
    """Yield the result list of each page, page by page.

    botocore makes an empty answer of a body that is cut, empty or HTML, and its own paginator then ends in peace. Here
    each page must carry its result key; one that does not is asked for again with the same token, then the read fails
    with IncompletePage. A token that was seen before, or more than `most_pages` pages, fails with EndlessPages; a token
    that AWS refuses, because it expired, with TokenRefused.
    """
    token: str | None = None
    token_key = "nextToken"
    seen: set[bytes] = set()
    for _ in range(most_pages):
        try:
            page = ask(client, operation, result_key, **parameters, **({token_key: token} if token else {}))
        except ServiceError as error:
            if token and error_code(error) in BAD_TOKEN:
                raise TokenRefused(describe(error), request_id=request_id(error)) from error
            raise
        yield page[result_key]
        token_key = "NextToken" if "NextToken" in page else "nextToken"
        token = page.get(token_key)
        if not token:
            return
        if not isinstance(token, str):
            raise IncompletePage(f"{operation} gave a page token that is no text: the answer is not from AWS.")
        fingerprint = hashlib.blake2b(token.encode(errors="replace"), digest_size=16).digest()
        if fingerprint in seen:
            raise EndlessPages(f"{operation} gave a page token for the second time: its pages go round in a circle.")
        seen.add(fingerprint)
    raise EndlessPages(f"{operation} did not end within {most_pages:,} pages.")


def ask(client: Any, operation: str, result_key: str, **parameters: Any) -> dict[str, Any]:
    """One answer that carries its result list."""
    for _ in range(ATTEMPTS):
        try:
            answer: dict[str, Any] = getattr(client, operation)(**parameters)
        except ValueError as error:
            # botocore's own parser gives up the whole page for one time that it cannot read.
            raise IncompletePage(f"{operation} answered with a value that cannot be read: {error}") from error
        rows = answer.get(result_key)
        if isinstance(rows, list) and all(isinstance(row, dict) for row in rows):
            return answer
    raise IncompletePage(
        f"{operation} answered without its list {result_key!r}, {ATTEMPTS} times: the answer was cut, or not from AWS.",
        request_id=str(answer.get("ResponseMetadata", {}).get("RequestId", "")),
    )
