"""Values of every kind, and the previous ones: W7 and W13 of the list of pitfalls."""

import datetime as dt
import json
import uuid
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, models, transaction
from django.db.models.fields.files import ImageFieldFile

from dj_cqrs.dataclasses import TransportPayload
from dj_cqrs.master.serialization import wire_value
from dj_cqrs.replica.outcome import Outcome
from tests.app.master_models import Attachment, Author, Book, Branch, EveryKind, Note
from tests.app.replica_models import EveryField, WithFile
from tests.master.outbox_reader import take
from tests.replication import replicate
from tests.rollback import OopsError

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "second"])


# W7: values without a form on the wire


def test_w7_every_kind_of_value_arrives(author: Author) -> None:
    note = Note.objects.create(text="x")
    replicate()
    values: dict[str, Any] = {
        "time": dt.time(1, 2, 3, 4),
        "duration": dt.timedelta(days=3, microseconds=5),
        "binary": b"\x00\xff",
        "unique_id": uuid.uuid4(),
        "json": {"a": [1, None, "b"]},
        "link_id": note.pk,
    }
    master = EveryKind.objects.create(**values)

    assert replicate() == [Outcome.APPLIED]

    copy = EveryField.objects.values(*values).get(pk=master.pk)
    assert {**copy, "binary": bytes(copy["binary"])} == values


@pytest.mark.parametrize("name", ["", "uploads/a b.pdf", None])
def test_w7_files_arrive_by_their_names(name: str | None) -> None:
    master = Attachment.objects.create(file=name)

    assert replicate() == [Outcome.APPLIED]

    stored = Attachment.objects.values_list("file", flat=True).get(pk=master.pk)
    assert WithFile.objects.values_list("file", flat=True).get(pk=master.pk) == stored
    assert stored == (name or "")


@pytest.mark.parametrize("name", ["", "uploads/a b.png", None])
def test_w7_images_are_sent_by_their_names(name: str | None) -> None:
    field = models.ImageField(null=True)
    field.set_attributes_from_name("image")
    instance = Attachment()
    instance.__dict__["image"] = ImageFieldFile(instance, field, name)

    # A file of Django's equals its name, so that comparing the two would show nothing.
    assert json.dumps(wire_value(field, instance)) == json.dumps(name)


def test_w7_rows_with_a_uuid_for_a_key_are_deleted() -> None:
    note = Note.objects.create(text="x")
    take()
    key = str(note.pk)
    note.delete()

    (message,) = take()
    assert message["instance_data"]["id"] == message["instance_pk"] == key


def test_w7_decimals_keep_all_their_digits() -> None:
    value = Decimal("0.100000000000000001")
    if connection.vendor == "sqlite":
        value = Decimal("0.10000000000001")  # SQLite itself keeps fifteen
    master = EveryKind.objects.create(decimal=value)
    replicate()

    assert EveryField.objects.get(pk=master.pk).decimal == value


def test_w7_direct_mode_hands_over_what_json_holds(produced: list[TransportPayload]) -> None:
    note = Note.objects.create(text="x")
    EveryKind.objects.create(time=dt.time(1), binary=b"\x00", link=note, file="")
    key = note.pk
    note.delete()

    created, _, *_, deleted = produced
    assert (created.pk, created.to_dict()["instance_pk"]) == (key, str(key))
    assert deleted.instance_data["id"] == str(key)
    json.dumps([payload.to_dict() for payload in produced])


# W13: previous values


def test_w13_previous_values_survive_a_rollback(author: Author) -> None:
    book = Book.objects.create(title="a", author=author)
    take()
    with pytest.raises(OopsError), transaction.atomic():
        book.title = "b"
        book.save()
        raise OopsError
    book.save()

    (message,) = take()
    assert message["previous_data"] == {"title": "a"}


def test_w13_a_foreign_key_has_one_name_on_create_and_on_update() -> None:
    root = Branch.objects.create(name="root")
    twig = Branch.objects.create(name="twig", parent=root)
    twig.parent = None
    twig.save()

    _, created, updated = (message["previous_data"] for message in take())
    assert created == {"name": None, "parent": None, "cqrs_revision": None}
    assert updated == {"parent": str(root.pk), "cqrs_revision": 0}
