"""Syncs of single rows, and fixtures."""

from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.serializers import serialize
from django.db import transaction

from tests.app.master_models import Author
from tests.master.outbox_reader import summary, take

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_sync_sends_the_state_without_a_new_revision(author: Author) -> None:
    author.save()
    take()

    assert author.cqrs_sync() is True
    assert author.cqrs_sync(queue="other") is True

    everywhere, direct = take()
    assert everywhere["signal_type"] == direct["signal_type"] == "SYNC"
    assert (everywhere["routing_key"], direct["routing_key"]) == (
        "author",
        "cqrs.other.author",
    )
    assert everywhere["instance_data"]["cqrs_revision"] == 1


def test_a_sync_of_a_row_that_is_not_there_is_refused(author: Author) -> None:
    assert Author(name="new").cqrs_sync() is False
    Author.objects.filter(pk=author.pk).delete()
    take()
    assert author.cqrs_sync() is False
    assert take() == []


def test_a_sync_beside_a_save_is_the_save_alone(author: Author) -> None:
    with transaction.atomic():
        author.cqrs_sync()
        author.save()

    assert summary(take()) == [("SAVE", "author", author.pk, 1)]


def test_a_sync_of_rows_that_the_transaction_changes_again_has_the_last_word(
    author: Author,
) -> None:
    with transaction.atomic():
        author.name = "first"
        author.save()
        call_command("cqrs_sync", cqrs_id="author", filter="{}", stdout=StringIO())
        author.name = "last"
        author.save()

    (message,) = take()
    assert (message["signal_type"], message["instance_data"]["name"]) == ("SAVE", "last")


@pytest.fixture
def fixture_file(tmp_path: Path, author: Author) -> str:
    path = tmp_path / "authors.json"
    path.write_text(serialize("json", [author]))
    return str(path)


def test_a_loaded_fixture_is_recorded_and_never_sets_a_revision_back(
    author: Author, fixture_file: str
) -> None:
    for _ in range(3):
        author.save()
    take()

    call_command("loaddata", fixture_file, verbosity=0)

    (message,) = take()
    assert message["instance_data"]["name"] == "Lem"
    assert message["instance_data"]["cqrs_revision"] == 4


def test_a_fixture_loaded_twice_in_one_transaction_raises_the_revision_once(
    author: Author, fixture_file: str
) -> None:
    with transaction.atomic():
        call_command("loaddata", fixture_file, fixture_file, verbosity=0)

    assert summary(take()) == [("SAVE", "author", author.pk, 1)]
