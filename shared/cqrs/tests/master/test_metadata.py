"""What the functions of settings and models are asked, and where their answers go."""

from typing import Any

import pytest

from dj_cqrs.dataclasses import TransportPayload
from tests.app.master_models import Author, Book, Note
from tests.master.outbox_reader import take

pytestmark = pytest.mark.django_db(transaction=True)


def _with_master(settings: Any, **master: Any) -> None:
    settings.CQRS = {**settings.CQRS, "master": master}


def test_the_meta_function_gets_the_row_and_what_is_said_of_it(
    settings: Any, author: Author
) -> None:
    asked: list[dict[str, Any]] = []

    def meta(**kwargs: Any) -> dict[str, Any]:
        asked.append(kwargs)
        return {"by": "a test"}

    _with_master(settings, meta_function=meta)
    book = Book.objects.create(title="a", author=author)
    book.cqrs_sync()
    pk = book.pk
    book.delete()

    saved, synced, deleted = take()
    assert [message["meta"] for message in (saved, synced, deleted)] == [{"by": "a test"}] * 3
    assert [set(kwargs) for kwargs in asked] == [
        {"obj", "instance_data", "previous_data", "signal_type"},
        {"obj", "instance_data", "previous_data", "signal_type"},
        {"obj", "instance_data", "signal_type"},
    ]
    assert [kwargs["signal_type"] for kwargs in asked] == ["SAVE", "SYNC", "DELETE"]
    assert all(kwargs["obj"] is book for kwargs in asked)
    assert asked[0]["previous_data"] == saved["previous_data"]
    assert [kwargs["instance_data"]["id"] for kwargs in asked] == [pk] * 3


@pytest.mark.parametrize("function", [None, lambda **_: None])
def test_no_metadata_is_an_empty_object(settings: Any, author: Author, function: Any) -> None:
    _with_master(settings, meta_function=function)
    author.save()

    assert [message["meta"] for message in take()] == [{}]


def test_the_correlation_function_is_asked_for_each_message(settings: Any, author: Author) -> None:
    asked: list[Any] = []

    def correlate(*arguments: Any) -> str:
        asked.append(arguments)
        return f"process {len(asked)}"

    _with_master(settings, correlation_function=correlate)
    author.save()
    author.cqrs_sync(queue="q")

    assert [message["correlation_id"] for message in take()] == ["process 1", "process 2"]
    assert asked == [
        ("SAVE", "author", author.pk, None),
        ("SYNC", "author", author.pk, "q"),
    ]


def test_a_models_own_words_reach_direct_mode(produced: list[TransportPayload]) -> None:
    note = Note.objects.create(text="x")
    note.cqrs_sync(queue="q")
    note.delete()

    saved, synced, deleted = produced
    assert saved.meta == {"signal": "SAVE", "text": "x"}
    assert (synced.queue, synced.meta) == ("q", {"signal": "SYNC", "text": "x"})
    assert deleted.instance_data["custom"] == {"text": "x"}
    assert deleted.previous_data is None
    assert all(payload.expires is not None for payload in produced)
