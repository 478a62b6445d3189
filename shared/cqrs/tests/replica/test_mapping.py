"""From a master's instance data to this service's columns."""

import datetime as dt
import json
import uuid
from decimal import Decimal
from typing import Any

import pytest

from dj_cqrs.inbox.models import ParkedMessage
from dj_cqrs.replica import mapping
from dj_cqrs.replica.batch import apply_batch
from dj_cqrs.replica.message import RawMessage
from dj_cqrs.wire import WireNumber
from tests.app.replica_models import (
    Child,
    Custom,
    EveryField,
    HookedItem,
    Item,
    Keyed,
    LooseChild,
    Mapped,
    WithFile,
)
from tests.replica.support import MONOTONIC, delete, save

pytestmark = pytest.mark.django_db

REVISION = {"cqrs_revision": 1, "cqrs_updated": "2026-01-01 00:00:00+00:00"}
KEY = uuid.UUID("9f5c1c0e-35f5-4a9f-9f43-6d8ef3f6f4bd")

# field, value as the wire has it, value as the database gives it back
VALUES = [
    ("boolean", True, True),
    ("boolean", False, False),
    ("char", 'héllo / \\ " 😀', 'héllo / \\ " 😀'),
    ("char", "", ""),
    ("text", "line\nline\r\n\t", "line\nline\r\n\t"),
    ("slug", "a-b", "a-b"),
    ("small", -32768, -32768),
    ("big", 2**63 - 1, 2**63 - 1),
    ("big", 5.0, 5),
    ("floating", 0.1, 0.1),
    ("floating", 3, 3.0),
    ("date", "2026-11-23", dt.date(2026, 11, 23)),
    (
        "moment",
        "2026-11-23 18:44:37.955405+00:00",
        dt.datetime(2026, 11, 23, 18, 44, 37, 955405, dt.UTC),
    ),
    ("moment", "2026-11-23T20:44:37+02:00", dt.datetime(2026, 11, 23, 18, 44, 37, 0, dt.UTC)),
    ("moment", "2026-11-23 18:44:37", dt.datetime(2026, 11, 23, 18, 44, 37, 0, dt.UTC)),
    ("time", "18:44:37.955405", dt.time(18, 44, 37, 955405)),
    ("duration", "3 02:01:00.000005", dt.timedelta(days=3, seconds=7260, microseconds=5)),
    ("duration", "-02:00:00", -dt.timedelta(hours=2)),
    ("binary", "AAH/", b"\x00\x01\xff"),
    ("json", {"a": [1, None, {"b": "c"}], "d": 0.5}, {"a": [1, None, {"b": "c"}], "d": 0.5}),
    ("json", [], []),
    ("json", "text", "text"),
    ("unique_id", str(KEY), KEY),
    ("address", "2001:db8::1", "2001:db8::1"),
]


@pytest.mark.parametrize(("field", "sent", "expected"), VALUES)
def test_a_value_of_every_field_type_arrives(field: str, sent: Any, expected: Any) -> None:
    apply_batch([save(0, cqrs_id="every_field", **{field: sent})])

    arrived = getattr(EveryField.objects.get(), field)
    assert (bytes(arrived) if field == "binary" else arrived) == expected


@pytest.mark.parametrize(
    "number", ["0.10000000000000000001", "12345678.00000000000000000001", "7"]
)
def test_decimals_keep_all_their_digits(number: str) -> None:
    body = save(0, cqrs_id="every_field", decimal=0).body.replace(
        b'"decimal":0', f'"decimal":{number}'.encode()
    )
    apply_batch([RawMessage(body, "every_field", MONOTONIC)])

    stored = EveryField.objects.get().decimal
    # SQLite keeps floats; the digits reach it all the same.
    assert stored == pytest.approx(Decimal(number))
    assert mapping.to_python(EveryField._meta.get_field("decimal"), WireNumber(number)) == Decimal(
        number
    )


def test_hooks_get_decimals_and_everything_else_as_on_the_wire() -> None:
    apply_batch([save(0, cqrs_id="hooked_item", name="x", price=0.1)])

    ((_, mapped),) = HookedItem.calls
    assert mapped["price"] == Decimal("0.1")
    assert mapped["cqrs_updated"] == "2026-01-01 00:00:00+00:00"


def test_a_foreign_key_is_sent_under_its_field_name_as_the_raw_key() -> None:
    apply_batch([save(0, cqrs_id="loose_child", parent=5)])
    assert LooseChild.objects.get().parent_id == 5

    assert mapping.to_attributes(Child, {"parent": "5"}) == {"parent_id": 5}
    assert mapping.to_attributes(EveryField, {"link": str(KEY)}) == {"link_id": KEY}


def test_a_uuid_key_is_saved_and_deleted() -> None:
    apply_batch([save(0, cqrs_id="keyed", pk=str(KEY), name="x")])
    assert Keyed.objects.get().pk == KEY

    apply_batch([delete(1, cqrs_id="keyed", pk=str(KEY).upper())])
    assert not Keyed.objects.exists()


def test_mapped_names_are_used_and_others_are_ignored() -> None:
    apply_batch([save(0, cqrs_id="mapped", title="t", label="ignored")])
    assert Mapped.objects.values_list("key", "label").get() == (1, "t")

    apply_batch([delete(1, cqrs_id="mapped")])
    assert not Mapped.objects.exists()


def test_custom_serialization_gives_the_payload_to_the_hooks_as_it_is() -> None:
    nested = {"items": [{"name": "a"}, {"name": "b"}]}

    apply_batch([save(0, cqrs_id="custom", nested=nested, meta={"suffix": "!"})])
    assert Custom.objects.get().text == "a, b !"

    apply_batch([save(1, cqrs_id="custom", nested={"items": [{"name": "c"}]})])
    assert Custom.objects.values_list("text", "cqrs_revision").get() == ("c", 1)


def test_fields_that_do_something_when_saved_do_it() -> None:
    apply_batch([save(0, cqrs_id="with_file", file="a/b.txt")])

    row = WithFile.objects.get()
    assert row.file.name == "a/b.txt"
    assert row.touched_at is not None


def test_local_columns_need_no_value_from_the_master() -> None:
    assert mapping.required_names(Item) == {"id", "name", "cqrs_revision", "cqrs_updated"}
    assert mapping.required_names(WithFile) == {"id", "cqrs_revision", "cqrs_updated"}


@pytest.mark.parametrize(
    ("model", "data", "reason"),
    [
        (Item, {"id": 1, "name": "x"}, "CQRS sync fields are not provided in data (item)."),
        (Item, {"name": "x", **REVISION}, "CQRS PK is not provided in data (item)."),
        (
            Item,
            {"id": 1, **REVISION},
            "Not all required CQRS fields are provided in data (item). Missing: name.",
        ),
        (Mapped, {"id": 1, **REVISION}, "Bad master-replica mapping for title (mapped)."),
    ],
)
def test_what_is_missing_is_named(model: Any, data: dict[str, Any], reason: str) -> None:
    with pytest.raises(mapping.MappingError) as caught:
        mapping.map_instance_data(model, data)
    assert str(caught.value) == reason


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("big", 5.7),
        ("big", "many"),
        ("big", {}),
        ("floating", "x"),
        ("decimal", 10**30),
        ("date", "tomorrow"),
        ("moment", 5),
        ("duration", "long"),
        ("binary", "not base64!"),
        ("binary", 5),
        ("unique_id", "x"),
        ("link", "x"),
    ],
)
def test_a_value_that_does_not_fit_is_named(field: str, value: Any) -> None:
    apply_batch([save(0, cqrs_id="every_field", **{field: value})])

    reason = ParkedMessage.objects.get().reason
    name = "id" if field == "link" else field
    assert reason.startswith(f"MappingError: Field '{name}' cannot hold ") or field in reason


def test_previous_values_are_mapped_too() -> None:
    previous = {"title": "old", "unknown": 1}
    assert mapping.map_previous_data(Mapped, previous) == {"label": "old"}
    assert mapping.map_previous_data(Item, previous) == previous
    assert mapping.map_previous_data(Mapped, None) is None
    assert mapping.map_previous_data(Mapped, {}) is None
    assert mapping.map_previous_data(Item, {}) is None


def test_naive_and_aware_moments_are_compared_in_one_zone(settings: Any) -> None:
    settings.USE_TZ = False
    settings.TIME_ZONE = "UTC"
    moment = mapping.to_python(EveryField._meta.get_field("moment"), "2026-01-01 00:00:00+00:00")
    assert moment == dt.datetime(2026, 1, 1)
    assert mapping.to_aware("2026-01-01 00:00:00").tzinfo is not None


def test_a_json_body_with_lone_surrogates_or_nan_is_no_poison() -> None:
    body = json.loads(save(0, cqrs_id="every_field", char="fine").body)
    body["meta"] = {"nan": float("nan"), "odd": "\udc80"}

    apply_batch([RawMessage(json.dumps(body).encode(), "every_field", MONOTONIC)])

    assert EveryField.objects.get().char == "fine"
