"""What the commands have in common: models, filters, words from the command line."""

from argparse import ArgumentTypeError

import pytest
from django.core.management.base import CommandError

from dj_cqrs.management.arguments import (
    boolean,
    filtered,
    master_model,
    positive,
    replica_model,
    rows_of,
)
from tests.app.master_models import Author, Book
from tests.app.replica_models import Item, Notifier


def test_models_are_found_by_their_id() -> None:
    assert master_model("author") is Author
    assert replica_model("item") is Item
    assert replica_model("notifier") is Notifier


@pytest.mark.parametrize(("find", "cqrs_id"), [(master_model, "item"), (replica_model, "book")])
def test_an_id_of_nobody_is_refused(find: object, cqrs_id: str) -> None:
    with pytest.raises(CommandError, match=f"Wrong CQRS ID: {cqrs_id}!"):
        find(cqrs_id)  # type: ignore[operator]


@pytest.mark.django_db
def test_a_filter_over_a_relation_finds_a_row_once() -> None:
    author = Author.objects.create(name="Lem")
    for title in ("Solaris", "Eden"):
        Book.objects.create(title=title, author=author)

    found = filtered(rows_of(Author), '{"books__title__in": ["Solaris", "Eden"]}')

    assert list(found) == [author]
    assert found.count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize("text", [None, ""])
def test_without_a_filter_nothing_is_found(text: str | None) -> None:
    Author.objects.create(name="Lem")

    assert not filtered(rows_of(Author), text)
    assert filtered(rows_of(Author), "{}").count() == 1


@pytest.mark.parametrize("text", ["[1]", "{", '{"colour": 1}', '{"id": "x"}', '{"id__in": 5}'])
def test_a_filter_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(CommandError, match="Bad filter kwargs!"):
        filtered(rows_of(Author), text)


@pytest.mark.parametrize("text", ["true", "True", "1", "yes", "YES", "on"])
def test_words_for_yes(text: str) -> None:
    assert boolean(text) is True


@pytest.mark.parametrize("text", ["false", "False", "0", "no", "off"])
def test_words_for_no(text: str) -> None:
    assert boolean(text) is False


@pytest.mark.parametrize("text", ["", "2", "maybe"])
def test_other_words_are_neither(text: str) -> None:
    with pytest.raises(ArgumentTypeError, match="neither true nor false"):
        boolean(text)


@pytest.mark.parametrize("text", ["0", "-1", "many", ""])
def test_a_size_is_at_least_one(text: str) -> None:
    assert positive("7") == 7
    with pytest.raises(ArgumentTypeError, match="at least 1"):
        positive(text)
