"""``cqrs_bulk_load``: rows are judged like messages, and a bad line costs only itself."""

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from dj_cqrs.inbox.models import LedgerEntry
from dj_cqrs.replica.outcome import Outcome
from tests.app.replica_models import (
    Child,
    DirectOnly,
    HookedItem,
    Item,
    Keyed,
    Mapped,
    Node,
    Notifier,
    Parent,
    Patient,
)
from tests.replica.support import at, delete, outcomes, save, sync

pytestmark = pytest.mark.django_db(transaction=True)

Dump = Any


@pytest.fixture
def dump(tmp_path: Path) -> Dump:
    """Writes a dump of rows (or of lines as they are); returns its path."""

    def write(cqrs_id: str, *rows: dict[str, Any] | str) -> str:
        lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
        path = tmp_path / f"{cqrs_id}.dump"
        path.write_text("\n".join([cqrs_id, *lines]))
        return str(path)

    return write


def row(pk: Any, revision: int = 0, **data: Any) -> dict[str, Any]:
    """Instance data; the master's clock grows with the revision."""
    return {"id": pk, "name": "new", **data} | {
        "cqrs_revision": revision,
        "cqrs_updated": str(at(revision)),
    }


class Loaded:
    """What a load said."""

    def __init__(self, *arguments: str) -> None:
        output = io.StringIO()
        self.error = ""
        try:
            call_command("cqrs_bulk_load", *arguments, stderr=output)
        except CommandError as error:
            self.error = str(error)
        self.lines = output.getvalue().splitlines()


def load(*arguments: str) -> Loaded:
    return Loaded(*arguments)


def states(model: Any = Item) -> dict[Any, tuple[str, int]]:
    values = model.objects.values_list("pk", "name", "cqrs_revision")
    return {pk: (name, revision) for pk, name, revision in values}


@pytest.mark.parametrize("cqrs_id", ["item", "hooked_item"])
def test_rows_are_loaded_and_remembered(dump: Dump, cqrs_id: str) -> None:
    path = dump(cqrs_id, row(1), row(2, 5, price="1.500000"))

    loaded = load("-i", path)

    model = {"item": Item, "hooked_item": HookedItem}[cqrs_id]
    assert states(model) == {1: ("new", 0), 2: ("new", 5)}
    assert loaded.lines == ["Done!", "2 instance(s) loaded."]
    assert not loaded.error
    entries = LedgerEntry.objects.filter(cqrs_id=cqrs_id).values_list("row_pk", "revision")
    assert set(entries) == {("1", 0), ("2", 5)}


def test_a_dump_comes_from_standard_input(dump: Dump, monkeypatch: pytest.MonkeyPatch) -> None:
    text = Path(dump("item", row(1))).read_bytes()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text)))

    load("-i", "-")

    assert states() == {1: ("new", 0)}


def test_what_django_cqrs_has_dumped_is_loaded(dump: Dump) -> None:
    line = (
        '{"id":1,"cqrs_revision":0,"cqrs_updated":"2026-11-24 00:28:31.009447+00:00",'
        '"name":"a\\"\\u00e90","price":1.5,"day":"2026-11-23"}'
    )

    assert not load("-i", dump("item", line)).error

    item = Item.objects.get()
    assert (item.name, str(item.price)) == ('a"é0', "1.500000")


def test_keys_of_other_types_and_names(dump: Dump) -> None:
    key = "11111111-1111-1111-1111-111111111111"
    load("-i", dump("keyed", row(key)))
    load("-i", dump("mapped", row(7, title="seven")))

    assert str(Keyed.objects.get().pk) == key
    assert (Mapped.objects.get().pk, Mapped.objects.get().label) == (7, "seven")


def test_direct_syncs_only_is_about_syncs(dump: Dump) -> None:
    load("-i", dump("direct_only", row(1)))

    assert DirectOnly.objects.count() == 1


def test_a_class_without_database_gets_each_line(dump: Dump) -> None:
    Notifier.received.clear()
    path = dump("notifier", row(1), row(2, name="explode"), row(3))

    loaded = load("-i", path)

    assert [data["id"] for _, data in Notifier.received] == [1, 3]
    assert loaded.lines[0] == "Unexpected error: line 3! the notifier does not like it"
    assert "Delete operation fails!" in load("-i", path, "--clear").error


@pytest.mark.parametrize("is_monotonic", [True, False])
def test_an_old_dump_neither_sets_a_row_back_nor_brings_one_back(
    dump: Dump, is_monotonic: bool
) -> None:
    outcomes(save(7, name="live", monotonic=is_monotonic))
    outcomes(save(2, pk=2, name="dead", monotonic=is_monotonic))
    outcomes(delete(3, pk=2, monotonic=is_monotonic))

    loaded = load("-i", dump("item", row(1, 6), row(2, 2)))

    assert states() == {1: ("live", 7)}
    assert loaded.lines[1:] == [
        "0 instance(s) loaded.",
        "2 instance(s) are here in the same or a newer revision.",
    ]
    assert not loaded.error


def test_after_a_load_late_messages_are_stale_and_new_ones_are_not(dump: Dump) -> None:
    load("-i", dump("item", row(1, 6)))

    assert outcomes(
        save(5, name="late"), delete(4), sync(6, name="same"), save(7, name="next")
    ) == [Outcome.STALE, Outcome.STALE, Outcome.APPLIED, Outcome.APPLIED]
    assert states() == {1: ("next", 7)}


def test_the_clock_of_a_master_that_never_restarts_is_not_asked(dump: Dump) -> None:
    outcomes(save(6, name="old"), delete(7, seconds=0))

    load("-i", dump("item", row(1, 6)))
    assert states() == {}

    load("-i", dump("item", row(1, 8)))
    assert states() == {1: ("new", 8)}


@pytest.mark.parametrize(
    ("arguments", "is_cleared"),
    [
        ([], False),
        (["--clear=false"], False),
        (["-c", "0"], False),
        (["-c", "no"], False),
        (["--clear"], True),
        (["--clear=true"], True),
        (["-c", "1"], True),
        (["-c", "yes"], True),
    ],
)
def test_clear_means_what_it_says(dump: Dump, arguments: list[str], is_cleared: bool) -> None:
    outcomes(save(0, pk=9, name="other"))

    load("-i", dump("item", row(1)), *arguments)

    assert (9 in states()) is not is_cleared


def test_a_word_that_is_neither_yes_nor_no_is_refused() -> None:
    assert "neither true nor false" in load("-i", "x", "--clear", "perhaps").error


@pytest.mark.parametrize("is_monotonic", [True, False])
def test_after_a_clear_the_dump_wins_over_newer_rows(dump: Dump, is_monotonic: bool) -> None:
    outcomes(save(9, name="newer", monotonic=is_monotonic))
    outcomes(save(4, pk=2, monotonic=is_monotonic, name="x"))
    outcomes(delete(5, pk=2, monotonic=is_monotonic))

    assert not load("-i", dump("item", row(1, 5), row(2, 4)), "--clear").error

    assert states() == {1: ("new", 5), 2: ("new", 4)}
    assert outcomes(save(6, name="restored", seconds=100)) == [Outcome.APPLIED]


def test_after_a_clear_late_messages_of_rows_that_are_gone_stay_out(dump: Dump) -> None:
    outcomes(save(5, name="gone"), save(2, pk=2, name="deleted"), delete(3, pk=2))

    load("-i", dump("item", row(3)), "--clear")

    late = outcomes(save(4, name="late"), save(2, pk=2, name="late"))
    assert late == [Outcome.STALE, Outcome.STALE]
    assert states() == {3: ("new", 0)}
    # A row that the dump lacks comes back with a sync, a key that is used again with its save.
    assert outcomes(sync(5, name="synced")) == [Outcome.APPLIED]
    assert outcomes(save(0, pk=2, name="again", seconds=50)) == [Outcome.APPLIED]
    assert states() == {1: ("synced", 5), 2: ("again", 0), 3: ("new", 0)}


def test_a_clear_that_fails_changes_nothing(dump: Dump, monkeypatch: pytest.MonkeyPatch) -> None:
    outcomes(save(5, name="precious"))

    def interrupted(*_: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr("dj_cqrs.replica.loading._message", interrupted)
    with pytest.raises(KeyboardInterrupt):
        call_command("cqrs_bulk_load", "-i", dump("item", row(1)), "--clear")

    assert states() == {1: ("precious", 5)}
    assert not LedgerEntry.objects.get().is_deleted


def test_rows_come_in_whatever_order_their_parents_stand(dump: Dump) -> None:
    keys = [f"{number}{number:07d}-1111-1111-1111-111111111111" for number in (1, 2, 3)]
    nodes = [row(keys[0], parent=keys[2]), row(keys[1]), row(keys[2], parent=keys[1])]

    loaded = load("-i", dump("node", *nodes), "-b", "1")

    assert not loaded.error
    assert Node.objects.count() == 3


def test_a_row_whose_parent_nobody_has_fails(dump: Dump) -> None:
    Parent.objects.create(id=1, name="here", cqrs_revision=0, cqrs_updated=at(0))

    loaded = load("-i", dump("child", row(1, parent=8), row(2, parent=1), row(3, parent=9)))

    assert list(Child.objects.values_list("pk", flat=True)) == [2]
    assert loaded.lines[:2] == [
        "Instance can't be saved: line 2!",
        "Instance can't be saved: line 4!",
    ]


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (None, "File DUMP doesn't exist!"),
        ("", "File DUMP is empty!"),
        ("\n", "File DUMP is empty!"),
        ("nobody\n{}", "Wrong CQRS ID: nobody!"),
    ],
)
def test_files_that_are_no_dumps_are_refused(
    tmp_path: Path, content: str | None, error: str
) -> None:
    path = tmp_path / "some.dump"
    if content is not None:
        path.write_text(content)

    assert load("-i", str(path)).error == error.replace("DUMP", str(path))


def test_lines_that_fail_are_named(dump: Dump) -> None:
    path = dump(
        "patient",
        row(1),
        "{",
        "",
        "[1]",
        {"id": 2, "name": "no revision"},
        row(3, name="zero"),
        row(4, name="falsy"),
        row(None),
        row(5),
    )

    loaded = load("-i", path)

    assert set(states(Patient)) == {1, 5}
    assert sorted(loaded.lines[:-2]) == [
        "Dump file can't be parsed: line 3!",
        "Dump file can't be parsed: line 4!",
        "Instance can't be saved: line 5!",
        "Instance can't be saved: line 6!",
        "Instance can't be saved: line 8!",
        "Instance can't be saved: line 9!",
        "Unexpected error: line 7! ",
    ]
    assert loaded.lines[-2:] == ["Done!", "2 instance(s) loaded."]
    assert loaded.error == "7 line(s) could not be loaded."
