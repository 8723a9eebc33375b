"""The errors that AWS answers with, raised anywhere in the stand-in and put on the wire by the server."""

from __future__ import annotations

from typing import Any

STATUS_OF_CODE = {
    "ValidationException": 400,
    "ServiceQuotaExceededException": 402,
    "AccessDeniedException": 403,
    "UnrecognizedClientException": 403,
    "ExpiredTokenException": 403,
    "ResourceNotFoundException": 404,
    "ConflictException": 409,
    "ThrottlingException": 429,
    "InternalServerException": 500,
}


class AwsError(Exception):
    """One error answer: AWS' code, its sentence, the HTTP status and further members of the error's body."""

    def __init__(self, code: str, message: str, status: int | None = None, **members: Any) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status if status is not None else STATUS_OF_CODE.get(code, 400)
        self.members = members


def invalid(message: str, reason: str = "FIELD_VALIDATION_FAILED", field: str = "") -> AwsError:
    """A ValidationException; it names the field where there is one."""
    fields = [{"name": field, "message": message}] if field else []
    return AwsError("ValidationException", message, reason=reason, fields=fields)


def denied(what: str) -> AwsError:
    """Inspector's own sentence for a caller that is not the delegated administrator."""
    return AwsError("AccessDeniedException", f"Invoking account does not have access to {what}")
