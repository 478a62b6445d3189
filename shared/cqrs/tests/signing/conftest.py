"""Settings with keys."""

from collections.abc import Callable
from typing import Any

import pytest
from pytest_django import Settings

from tests.commands.conftest import Run, run, without_inbox
from tests.replica.conftest import _forgetful_models, memory_broker, run_worker
from tests.signing.keys import OLD

__all__ = ["Run", "_forgetful_models", "memory_broker", "run", "run_worker", "without_inbox"]

Sign = Callable[..., None]


@pytest.fixture
def signing(settings: Settings) -> Sign:
    """Sets ``CQRS['signing']``: ids and keys (default: the old one alone), and other settings."""

    def set_keys(keys: dict[str, Any] | None = None, **others: Any) -> None:
        settings.CQRS = {**settings.CQRS, "signing": {"keys": keys or {"old": OLD}, **others}}

    return set_keys
