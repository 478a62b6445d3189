"""What a lambda can expect, for ``eventually``: an ``assert`` is no expression."""

from typing import Any


def expect(condition: bool) -> None:
    """It holds."""
    assert condition


def expect_equal(one: Any, other: Any) -> None:
    """Both are the same; a failure shows them."""
    assert one == other


def expect_some(messages: list[Any]) -> list[Any]:
    """There are any; returns them."""
    assert messages
    return messages
