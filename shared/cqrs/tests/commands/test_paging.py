"""Pages by key: every row once, whatever the key and whatever others write meanwhile."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db.models import Count

from dj_cqrs.management.paging import keyset_pages, keyset_rows
from dj_cqrs.management.utils import batch_qs
from tests.app.master_models import Author, Book
from tests.commands import rows

pytestmark = pytest.mark.django_db(transaction=True)

of_every_key = pytest.mark.parametrize(
    ("model", "create"), rows.OF_EVERY_KEY, ids=lambda value: getattr(value, "CQRS_ID", "")
)


@of_every_key
def test_pages_hold_every_key_once_in_order(
    model: Any, create: Callable[[int], list[Any]]
) -> None:
    pks = create(25)

    pages = list(keyset_pages(model.objects.all(), 10))

    assert [len(page) for page in pages] == [10, 10, 5]
    assert [pk for page in pages for pk in page] == pks


def test_pages_can_carry_more_than_the_key() -> None:
    pks = rows.authors(3)

    assert list(keyset_rows(Author.objects.all(), 2, "cqrs_revision", "name")) == [
        [(pks[0], 0, "0"), (pks[1], 0, "1")],
        [(pks[2], 0, "2")],
    ]


def test_a_filtered_queryset_with_an_order_of_its_own_is_paged_by_key() -> None:
    pks = rows.authors(5)
    queryset = Author.objects.exclude(name="2").order_by("-name")

    assert list(keyset_pages(queryset, 3)) == [[*pks[:2], pks[3]], [pks[4]]]


@of_every_key
def test_batches_hold_every_row_once(model: Any, create: Callable[[int], list[Any]]) -> None:
    pks = create(25)

    batches = [list(batch) for batch in batch_qs(model.objects.all(), 10)]

    assert [len(batch) for batch in batches] == [10, 10, 5]
    assert [row.pk for batch in batches for row in batch] == pks


def test_rows_that_go_between_two_batches_cost_nobody_else() -> None:
    pks = rows.authors(20)
    met = []

    for batch in batch_qs(Author.objects.all(), 5):
        met += [author.pk for author in batch]
        Author.objects.filter(pk=pks[0]).delete()
        pks_left = list(Author.objects.order_by("pk").values_list("pk", flat=True))
        pks[0] = pks_left[0]

    assert len(met) == len(set(met)) == 20


@pytest.mark.parametrize(
    "restrict",
    [
        lambda authors: authors.order_by("name")[2:9],
        lambda authors: authors.filter(name__lt="3").union(authors.filter(name__gt="6")),
        lambda authors: authors.values("name").annotate(Count("books")),
    ],
    ids=["slice", "union", "groups"],
)
def test_what_has_no_pages_by_key_is_batched_by_position(restrict: Any) -> None:
    rows.authors(10)
    queryset = restrict(Author.objects.all())

    batches = [list(batch) for batch in batch_qs(queryset, 3)]

    assert max(len(batch) for batch in batches) == 3
    assert len([row for batch in batches for row in batch]) == len(queryset)


def test_a_batch_has_at_least_one_row() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        next(batch_qs(Book.objects.all(), 0))
