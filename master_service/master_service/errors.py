"""What can go wrong in a use case; each error says what to do. The API maps them to answers.

ApplicationError
├── InvalidInputError   a value that the use case cannot take
├── ConflictError       the current state forbids it
└── NotFoundError       the row is not there
"""

from collections.abc import Mapping
from typing import Any, ClassVar


class ApplicationError(Exception):
    """Root of the errors that a use case raises.

    Attributes:
        details: what is wrong, by field; for a list by index, then by field.
    """

    code: ClassVar[str] = "application_error"

    def __init__(self, message: str, details: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.details = dict(details or {})


class InvalidInputError(ApplicationError):
    """Raised when the input contradicts itself or the catalogue."""

    code = "invalid"


class ConflictError(ApplicationError):
    """Raised when the state of other rows forbids the change."""

    code = "conflict"


class NotFoundError(ApplicationError):
    """Raised when the row to change is not there."""

    code = "not_found"
