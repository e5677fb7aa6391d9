"""What can go wrong in the domain: a sentence for people, a code for programs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


class DomainError(Exception):
    """A refusal with no effect. Doors map `http_status` and `code`; people read the message."""

    http_status = 400
    default_code = "invalid"

    def __init__(
        self, message: str, *, code: str | None = None, extra: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.default_code
        self.extra = dict(extra or {})


class NotFound(DomainError):
    """The object does not exist for this caller; somebody else's object looks the same."""

    http_status = 404
    default_code = "not_found"


class PermissionDenied(DomainError):
    """The caller is known but may not do this."""

    http_status = 403
    default_code = "forbidden"


class Conflict(DomainError):
    """The object's state changed under the caller, or the same work is under way."""

    http_status = 409
    default_code = "conflict"


class InvalidTransition(Conflict):
    """The declared table has no such move; `extra["allowed"]` lists those it has."""

    default_code = "invalid_transition"


@dataclass(frozen=True)
class FieldError:
    """One thing wrong with the input. `pointer` is a JSON pointer (RFC 6901), "" for the whole."""

    pointer: str
    code: str
    detail: str
    params: Mapping[str, Any] = field(default_factory=dict)


class ValidationFailed(DomainError):
    """The input cannot be accepted; every problem found is listed, not only the first."""

    http_status = 422
    default_code = "validation_failed"

    def __init__(self, errors: Sequence[FieldError], message: str = "Some fields need attention.") -> None:
        super().__init__(message)
        self.errors = tuple(errors)
