"""Mistakes in ``CQRS_PRIVATE_FIELDS`` are found at start."""

from typing import Any

import pytest
from django.apps import apps
from django.core.checks import run_checks

from dj_cqrs.exceptions import ConfigurationError
from tests.app.master_models import Author, Book
from tests.app.replica_models import Custom, HookedItem, Item, Mapped, Notifier

# Newer Djangos ask the databases of what they are capable.
pytestmark = pytest.mark.django_db(databases=["default", "second"])


def _found() -> set[str]:
    return {
        str(message.msg).split("'")[1] for message in run_checks() if message.id == "dj_cqrs.W011"
    }


@pytest.mark.parametrize(
    ("model", "names", "text"),
    [
        (Author, "name", "must be a list or tuple of names"),
        (Item, None, "must be a list or tuple of names"),
        (Notifier, (5,), "must be a list or tuple of names"),
        (Author, ("id",), "must not name the primary key"),
        (Mapped, ("key",), "must not name the primary key"),
        (Mapped, ("id",), "must not name the primary key"),
    ],
)
def test_what_cannot_be_private_is_fatal(
    monkeypatch: pytest.MonkeyPatch, model: Any, names: Any, text: str
) -> None:
    monkeypatch.setattr(model, "CQRS_PRIVATE_FIELDS", names)
    assert "dj_cqrs.E009" in {message.id for message in run_checks()}
    with pytest.raises(ConfigurationError, match=f"{model.__name__}.*{text}"):
        apps.get_app_config("dj_cqrs").ready()


@pytest.mark.parametrize("model", [Author, Item, Mapped])
def test_a_misspelt_name_is_warned_of(monkeypatch: pytest.MonkeyPatch, model: Any) -> None:
    monkeypatch.setattr(model, "CQRS_PRIVATE_FIELDS", ["naem"])
    assert _found() == {"naem"}


@pytest.mark.parametrize(
    ("model", "names"),
    [
        (Author, ("name",)),
        (Item, ("name", "price")),
        (Mapped, ("title", "label")),
        (Book, ("whatever_the_serializer_says",)),
        (Custom, ("whatever_the_hooks_read",)),
        (HookedItem, ("whatever_the_hooks_read",)),
        (Notifier, ("whatever_the_hooks_read",)),
    ],
)
def test_names_that_are_right_or_may_be_are_not(
    monkeypatch: pytest.MonkeyPatch, model: Any, names: Any
) -> None:
    monkeypatch.setattr(model, "CQRS_PRIVATE_FIELDS", names)
    assert _found() == set()
