"""The contract's direct ways: ``cqrs_save``, the manager, ``consume``; and write protection."""

import logging
from collections.abc import Callable
from typing import Any, ClassVar

import pytest

from dj_cqrs.constants import SignalType
from dj_cqrs.controller.consumer import consume, route_signal_to_replica_model
from dj_cqrs.dataclasses import TransportPayload
from dj_cqrs.exceptions import ReadOnlyReplicaError
from dj_cqrs.managers import ReplicaManager
from dj_cqrs.replica.batch import apply_batch
from dj_cqrs.replica.outcome import Outcome
from dj_cqrs.replica.read_only import applying
from tests.app.replica_models import Guarded, Item, Locked, Notifier, Unique
from tests.replica.support import at, outcomes, save

pytestmark = pytest.mark.django_db


def data(revision: int, **fields: Any) -> dict[str, Any]:
    """Instance data of a master's row."""
    moment = str(at(revision))
    return {"id": 1, "name": "x", "cqrs_revision": revision, "cqrs_updated": moment, **fields}


def test_cqrs_save_creates_and_updates() -> None:
    assert Item.cqrs_save(data(0)).cqrs_revision == 0
    assert Item.cqrs_save(data(1, name="y")).name == "y"
    assert Item.objects.get().cqrs_revision == 1


def test_overridden_methods_of_the_manager_may_take_their_arguments_by_name() -> None:
    class Noting(ReplicaManager):
        taken: ClassVar[list[list[str]]] = []

        def create_instance(self, mapped_data: Any, **kwargs: Any) -> Any:  # type: ignore[override]
            self.taken.append(sorted(kwargs))
            return super().create_instance(mapped_data, **kwargs)

        def update_instance(self, instance: Any, mapped_data: Any, **kwargs: Any) -> Any:  # type: ignore[override]
            self.taken.append(sorted(kwargs))
            return super().update_instance(instance, mapped_data, **kwargs)

    manager = Noting()
    manager.model = Item

    assert manager.save_instance(data(0)).name == "x"
    assert manager.save_instance(data(1, name="y"), {}, True, {"a": 1}).name == "y"
    assert Noting.taken == [["meta", "previous_data", "sync"]] * 2


# existing revision 5; incoming; sync; is it applied; what the log says
CONTRACT = [
    (6, False, True, []),
    (
        4,
        False,
        False,
        ["Wrong CQRS sync order: pk = 1, cqrs_revision = new 4 / existing 5 (item)."],
    ),
    (5, False, False, ["Received duplicate CQRS data: pk = 1, cqrs_revision = 5 (item)."]),
    (9, False, True, ["Lost or filtered out 3 CQRS packages: pk = 1, cqrs_revision = 9 (item)"]),
    (
        4,
        True,
        True,
        ["CQRS revision downgrade on sync: pk = 1, cqrs_revision = new 4 / existing 5 (item)."],
    ),
    (5, True, True, []),
    (9, True, True, []),
]


@pytest.mark.parametrize(("revision", "sync", "is_applied", "lines"), CONTRACT)
def test_a_direct_save_judges_by_the_rows_own_revision(
    revision: int, sync: bool, is_applied: bool, lines: list[str], caplog: Any
) -> None:
    Item.cqrs_save(data(5, name="old"))

    assert Item.cqrs_save(data(revision, name="new"), sync=sync) is not None

    assert Item.objects.get().name == ("new" if is_applied else "old")
    assert [record.getMessage() for record in caplog.records] == lines


def test_a_duplicate_creation_is_named_as_a_possible_race(caplog: Any) -> None:
    Item.cqrs_save(data(0))
    Item.cqrs_save(data(0))

    assert caplog.messages == [
        "Received duplicate CQRS data: pk = 1, cqrs_revision = 0 (item).",
        "CQRS potential creation race condition: pk = 1 (item).",
    ]


@pytest.mark.django_db(transaction=True)
def test_a_row_is_locked_by_a_direct_save_outside_any_transaction_too() -> None:
    assert Locked.cqrs_save(data(0)).name == "x"
    assert Locked.cqrs_save(data(1, name="y")).name == "y"


def test_a_direct_save_that_fails_returns_none_and_leaves_the_transaction_usable(
    caplog: Any,
) -> None:
    Unique.cqrs_save(data(0, code="same"))

    assert Unique.cqrs_save(data(0, id=2, code="same")) is None
    assert Item.cqrs_save(data(0, price="cheap")) is None
    assert Item.cqrs_save({"id": 1}) is None

    assert caplog.messages[0].endswith("\nCQRS create error: pk = 2 (unique).")
    assert caplog.messages[-1] == "CQRS sync fields are not provided in data (item)."
    assert Unique.objects.count() == 1


def test_a_direct_delete_ignores_revisions(caplog: Any) -> None:
    Item.cqrs_save(data(7))

    assert Item.cqrs_delete(data(1)) is True
    assert not Item.objects.exists()
    assert Item.cqrs_delete(data(1)) is True
    assert Item.cqrs_delete({"id": 1}) is False


def test_in_process_consuming_decides_like_the_workers() -> None:
    def call(signal_type: str, revision: int, seconds: float) -> Any:
        instance_data = data(revision) | {"cqrs_updated": str(at(seconds))}
        return consume(TransportPayload(signal_type, "item", instance_data, 1))

    assert call("SAVE", 0, 0).pk == 1
    assert call("DELETE", 2, 2) is True
    assert call("SAVE", 1, 1) is True  # too late: no resurrection
    assert not Item.objects.exists()
    assert call("SAVE", 0, 3).pk == 1  # the key is used again
    assert outcomes(save(0, name="x", seconds=3, monotonic=False)) == [Outcome.DUPLICATE]


def test_a_payload_is_not_changed_by_consuming_it() -> None:
    payload = TransportPayload("SAVE", "item", data(0), 1)
    consume(payload)
    assert payload.instance_data == data(0)


def test_signals_are_routed_by_cqrs_id(caplog: Any) -> None:
    assert route_signal_to_replica_model(SignalType.SAVE, "item", data(0)).pk == 1
    assert route_signal_to_replica_model(SignalType.SAVE, "notifier", data(0)) is True
    assert Notifier.received == [("save", data(0))]
    assert route_signal_to_replica_model("BAD", "item", data(0)) is None
    assert route_signal_to_replica_model("SAVE", "unknown", data(0)) is None
    assert route_signal_to_replica_model("SAVE", "item", {}) is None
    assert caplog.messages == [
        'Bad signal type "BAD" for CQRS_ID "item".',
        "No model with such CQRS_ID: unknown.",
        "CQRS sync fields are not provided in data (item).",
    ]


WRITES: dict[str, Callable[[Any], Any]] = {
    "create": lambda rows: rows.create(id=2, name="y", **_cqrs_fields()),
    "save": lambda rows: rows.get().save(),
    "delete": lambda rows: rows.get().delete(),
    "update": lambda rows: rows.update(name="y"),
    "filtered update": lambda rows: rows.filter(id=1).update(name="y"),
    "queryset delete": lambda rows: rows.all().delete(),
    "bulk_create": lambda rows: rows.bulk_create([Guarded(id=2, **_cqrs_fields())]),
    "bulk_update": lambda rows: rows.bulk_update(list(rows.all()), ["name"]),
    "get_or_create": lambda rows: rows.get_or_create(id=2, defaults=_cqrs_fields()),
    "update_or_create": lambda rows: rows.update_or_create(id=1, defaults={"name": "y"}),
}


def _cqrs_fields() -> dict[str, Any]:
    return {"cqrs_revision": 0, "cqrs_updated": at(0)}


@pytest.mark.parametrize("name", WRITES)
@pytest.mark.parametrize("manager", ["objects", "cqrs"])
def test_nobody_but_the_consumer_writes_a_read_only_replica(manager: str, name: str) -> None:
    rows = getattr(Guarded, manager)
    apply_batch([save(0, cqrs_id="guarded", name="x")])
    apply_batch([save(1, cqrs_id="guarded", name="z")])

    with pytest.raises(ReadOnlyReplicaError, match="change the row on its master"):
        WRITES[name](rows)

    assert Guarded.objects.values_list("name").get() == ("z",)
    with applying():
        WRITES[name](rows)


def test_logs_hold_no_payload(caplog: Any) -> None:
    caplog.set_level(logging.DEBUG, logger="django-cqrs")
    apply_batch([save(0, name="a secret name"), save(0, pk=2, cqrs_id="patient", name="falsy")])

    assert "a secret name" not in caplog.text


def test_a_model_without_database_operations_must_have_hooks_of_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Item, "CQRS_NO_DB_OPERATIONS", True)
    for hook in (Item.cqrs_save, Item.cqrs_delete):
        with pytest.raises(NotImplementedError):
            hook(data(0))

    assert not Item.objects.exists()


def test_default_hooks_need_no_manager_of_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Item, "cqrs", Item.objects)

    item = Item.cqrs_create(False, data(0))
    assert item.cqrs_update(False, data(1, name="y")).name == "y"
