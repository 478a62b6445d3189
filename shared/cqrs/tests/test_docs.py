"""What docs/message-contract.md shows is what a master records, and what a replica applies.

And the commands that the pages tell people to run can be run.
"""

import datetime as dt
import re
import shlex
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.core.management import load_command_class
from pytest_django import Settings

from dj_cqrs import wire
from dj_cqrs.dataclasses import TransportPayload
from dj_cqrs.registries import ReplicaRegistry
from dj_cqrs.replica.batch import apply_batch
from dj_cqrs.replica.message import RawMessage
from dj_cqrs.replica.outcome import Outcome
from dj_cqrs.transport.rabbit_mq import confirming_channel
from tests.app.master_models import Author, Book, EveryKind, Note
from tests.app.replica_models import AuthorCopy, EveryField, NoteCopy
from tests.master import outbox_reader
from tests.replica.support import MONOTONIC

pytestmark = pytest.mark.django_db(transaction=True)

DOCS = Path(__file__).parents[3] / "docs"
PAGE = (DOCS / "message-contract.md").read_text()
EXAMPLES: list[dict[str, Any]] = [
    wire.decode(block.encode()) for block in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
]
NOTE = UUID("3f0c6a52-8a3e-4d0e-9d57-2f4f1f2b7c11")


def name(message: dict[str, Any]) -> str:
    return f"{message['signal_type']} {message['cqrs_id']}"


def create_author() -> None:
    Author.objects.create(id=7, name="Stanisław Lem")


def change_book() -> None:
    create_author()
    book = Book.objects.create(id=42, title="Solaris", author_id=7, price=Decimal("12.5"))
    book.price = Decimal("14.25")
    book.save()


def sync_note() -> None:
    note = Note.objects.create(key=NOTE, text="buy milk")
    note.text = "buy bread"
    note.save()
    note.cqrs_sync(queue="replica")


def delete_note() -> None:
    sync_note()
    Note.objects.get(key=NOTE).delete()


def create_every_kind() -> None:
    EveryKind.objects.create(
        id=1,
        boolean=True,
        char="short",
        text='Łódź, or "somewhere" else',
        slug="a-slug",
        small=-1,
        big=2**53 + 1,
        floating=0.5,
        decimal=Decimal("1234.56789"),
        date=dt.date(2026, 11, 23),
        moment=dt.datetime(2026, 11, 23, 18, 44, 37, 955405, tzinfo=dt.UTC),
        time=dt.time(18, 44, 37),
        duration=dt.timedelta(days=3, hours=2, minutes=1),
        binary=b"\x00\xff",
        json={"list": [1, None, 2.5]},
        unique_id=NOTE,
        address="192.0.2.1",
        file="uploads/terms.pdf",
    )


#: What a user did whose last message is the example.
DEEDS: dict[str, Callable[[], None]] = {
    "SAVE author": create_author,
    "SAVE book": change_book,
    "SYNC note": sync_note,
    "DELETE note": delete_note,
    "SAVE every_field": create_every_kind,
}


@pytest.fixture
def words(settings: Settings) -> None:
    """The functions that the example of the book speaks of."""
    own = {
        "correlation_function": lambda _signal_type, cqrs_id, _pk, _queue: (
            "request-8f14" if cqrs_id == "book" else None
        ),
        "meta_function": lambda obj, **_: {"door": "admin"} if isinstance(obj, Book) else {},
    }
    settings.CQRS = {**settings.CQRS, "master": own}


@pytest.mark.usefixtures("words")
@pytest.mark.parametrize("example", EXAMPLES, ids=name)
def test_an_example_is_what_a_master_records(example: dict[str, Any]) -> None:
    DEEDS[name(example)]()

    *_, recorded = outbox_reader.take()
    routing_key = recorded.pop("routing_key")
    its_time = recorded["instance_data"].pop("cqrs_updated")
    shown = {**example, "instance_data": dict(example["instance_data"])}
    shown_time = shown["instance_data"].pop("cqrs_updated")

    assert recorded == shown
    assert list(recorded) == list(shown)
    assert dt.datetime.fromisoformat(its_time).tzinfo
    assert re.sub(r"\d", "0", shown_time) == re.sub(r"\d", "0", its_time)
    direct = "cqrs.replica." if example["signal_type"] == "SYNC" else ""
    assert routing_key == f"{direct}{example['cqrs_id']}"


@pytest.mark.parametrize("example", EXAMPLES, ids=name)
def test_an_example_is_read_and_written_without_a_loss(example: dict[str, Any]) -> None:
    payload = TransportPayload.from_message(example)

    assert payload.to_dict() == example
    assert list(payload.to_dict()) == list(example)
    assert wire.decode(wire.encode(payload.to_dict())) == example


def test_the_examples_are_applied_in_the_order_of_the_page() -> None:
    known = [example for example in EXAMPLES if example["cqrs_id"] in ReplicaRegistry.models]

    def apply(example: dict[str, Any]) -> Outcome:
        (result,) = apply_batch([RawMessage(wire.encode(example), example["cqrs_id"], MONOTONIC)])
        return result.outcome

    assert [(name(example), apply(example)) for example in known] == [
        ("SAVE author", Outcome.APPLIED),
        ("SYNC note", Outcome.APPLIED),
        ("DELETE note", Outcome.APPLIED),
        ("SAVE every_field", Outcome.APPLIED),
    ]
    assert AuthorCopy.objects.get(pk=7).name == "Stanisław Lem"
    assert not NoteCopy.objects.exists()
    row = EveryField.objects.get(pk=1)
    assert (row.big, bytes(row.binary)) == (2**53 + 1, b"\x00\xff")
    assert row.duration == dt.timedelta(days=3, hours=2, minutes=1)


def test_the_page_names_the_keys_in_their_order() -> None:
    rows = re.findall(r"^\| `(\w+)` \| [^|]+ \| ", PAGE.split("```json")[0], re.MULTILINE)

    assert rows == list(EXAMPLES[0])


def test_the_page_names_the_properties_of_a_message() -> None:
    assert f"`content_type` `{confirming_channel.CONTENT_TYPE}`" in PAGE
    assert f"`delivery_mode` {confirming_channel.PERSISTENT}" in PAGE
    ((header, value),) = MONOTONIC.items()
    assert f"| header `{header}` | `{value}`" in PAGE


@pytest.mark.parametrize(
    "page",
    [
        "operations.md",
        "migrating-from-django-cqrs.md",
        "personal-data.md",
        "reference/commands.md",
    ],
)
def test_the_commands_of_a_page_take_their_arguments(page: str) -> None:
    found = re.findall(r"manage\.py (cqrs_\w+)((?: [^|`\n\\]+)?)", (DOCS / page).read_text())

    assert found
    for command, arguments in found:
        parser = load_command_class("dj_cqrs", command).create_parser("manage.py", command)
        parser.parse_args(shlex.split(arguments.replace("-w N", "-w 2")))
