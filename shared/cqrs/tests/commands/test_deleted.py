"""The pipe that finds and removes rows whose DELETE a replica has lost."""

import itertools
import re
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.core.management import CommandError
from django.db import connection
from django.utils import timezone

from dj_cqrs.inbox.models import LedgerEntry, ParkedMessage
from dj_cqrs.outbox.models import DeletedRow
from dj_cqrs.replica import removal
from dj_cqrs.replica.outcome import Outcome
from dj_cqrs.replica.read_only import applying
from tests.app.master_models import Author, Hidden
from tests.app.replica_models import (
    AuthorCopy,
    Child,
    Guarded,
    HookedItem,
    Item,
    LooseChild,
    Notifier,
    Parent,
    SelfKeyed,
)
from tests.commands import rows
from tests.commands.conftest import Run, parsed
from tests.commands.mirrored import PAIRS, mirrored, replicate, revisions
from tests.master import outbox_reader
from tests.replica.interleaving import interleaved
from tests.replica.support import delete, outcomes, save

pytestmark = pytest.mark.django_db(transaction=True)

of_every_key = pytest.mark.parametrize(
    ("master", "replica", "create"), PAIRS, ids=[pair[0].CQRS_ID for pair in PAIRS]
)

Pipe = Callable[..., list[str]]


@pytest.fixture
def pipe(run: Run) -> Pipe:
    """Runs the whole pipe; returns what its last command printed."""

    def pipe(cqrs_id: str, *options: str) -> list[str]:
        listed, _ = run("cqrs_deleted_diff_replica", "--cqrs-id", cqrs_id, *options)
        gone, _ = run("cqrs_deleted_diff_master", stdin=listed)
        done, errors = run("cqrs_deleted_sync_replica", stdin=gone)
        return done + errors

    return pipe


def now_line(cqrs_id: str, *, seconds: float = 0) -> str:
    return f"{cqrs_id},{timezone.now() + timedelta(seconds=seconds)}"


def tombstone(cqrs_id: str, pk: Any) -> tuple[bool, int]:
    entry = LedgerEntry.objects.get(cqrs_id=cqrs_id, row_pk=str(pk))
    return entry.is_deleted, entry.revision


def lose_deletes(model: Any, **filters: Any) -> None:
    """Deletes rows on the master; no replica hears of it."""
    model.objects.filter(**filters).delete()
    outbox_reader.take()


@of_every_key
def test_rows_that_the_master_has_deleted_are_removed(
    pipe: Pipe, master: Any, replica: Any, create: Any
) -> None:
    pks = mirrored(master, create, 5)
    lose_deletes(master, pk__in=pks[1:3])

    done = pipe(master.CQRS_ID)

    assert done == ["Done!", "2 instance(s) deleted.", "2 instance(s) processed."]
    assert revisions(replica) == revisions(master)
    assert tombstone(master.CQRS_ID, pks[1]) == (True, 1)
    assert pipe(master.CQRS_ID) == ["Done!", "0 instance(s) deleted.", "0 instance(s) processed."]


def test_the_formats_are_those_of_the_contract(run: Run) -> None:
    pks = mirrored(Author, rows.authors, 3)
    lose_deletes(Author, pk=pks[2])

    listed, errors = run("cqrs_deleted_diff_replica", "-cid", "author", "-b", "2")

    assert re.fullmatch(r"author,\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}\+00:00", listed[0])
    assert (listed[1:], errors) == ([f"[{pks[0]},{pks[1]}]", f"[{pks[2]}]"], [])

    gone, errors = run("cqrs_deleted_diff_master", stdin=listed)

    assert gone == [listed[0], f"[{pks[2]}]"]
    assert errors == [f"PK to delete: [{pks[2]}]"]


def test_only_chosen_rows_are_listed(run: Run) -> None:
    _, second, _ = mirrored(Author, rows.authors, 3)

    listed, _ = run("cqrs_deleted_diff_replica", "-cid", "author", "-f", '{"name": "1"}')

    assert parsed(listed[1:]) == [[second]]
    with pytest.raises(CommandError, match="Bad filter kwargs!"):
        run("cqrs_deleted_diff_replica", "-cid", "author", "-f", "nonsense")
    with pytest.raises(CommandError, match="Wrong CQRS ID: nobody!"):
        run("cqrs_deleted_diff_replica", "-cid", "nobody")


def test_rows_that_the_masters_manager_hides_are_not_missing(run: Run) -> None:
    hidden = Hidden.objects.create(name="x", is_deleted=True).pk
    gone = hidden + 1

    printed, errors = run(
        "cqrs_deleted_diff_master", stdin=[now_line("hidden"), f"[{hidden},{gone}]"]
    )

    assert (parsed(printed[1:]), errors) == ([[gone]], [f"PK to delete: [{gone}]"])


# What the tombstone does.


@pytest.mark.parametrize("options", [(), ("--revisions",)])
def test_a_key_that_is_used_again_wins_over_the_tombstone(
    pipe: Pipe, options: tuple[str, ...]
) -> None:
    (pk,) = mirrored(Author, rows.authors, 1)
    author = Author.objects.get()
    for _ in range(3):
        author.save()
    lose_deletes(Author)  # with the updates before it

    pipe("author", *options)
    Author.objects.create(pk=pk, name="again")

    assert replicate() == [Outcome.APPLIED]
    assert revisions(AuthorCopy) == revisions(Author)


def test_a_late_message_of_the_deleted_row_does_not_bring_it_back(pipe: Pipe) -> None:
    (pk,) = mirrored(Author, rows.authors, 1)
    lose_deletes(Author)

    pipe("author")

    late = save(0, cqrs_id="author", pk=pk, name="late")
    assert outcomes(late) == [Outcome.STALE]


def test_the_masters_revision_keeps_out_later_updates_too(pipe: Pipe) -> None:
    (pk,) = mirrored(Author, rows.authors, 1)
    Author.objects.get().save()
    Author.objects.get().save()
    lose_deletes(Author)

    pipe("author", "--revisions")

    assert tombstone("author", pk) == (True, 3)
    late = save(2, cqrs_id="author", pk=pk, name="late")
    assert outcomes(late) == [Outcome.STALE]


def test_a_master_that_saw_no_delete_remembers_the_replicas_revision(pipe: Pipe) -> None:
    """A row that raw SQL deleted leaves nothing behind that a new one could go on after."""
    (pk,) = mirrored(Author, rows.authors, 1)
    Author.objects.update(cqrs_revision=4)
    Author.objects.get().cqrs_sync()
    replicate()
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {Author._meta.db_table}")

    assert pipe("author", "--revisions")[1] == "1 instance(s) deleted."

    assert list(DeletedRow.objects.values_list("cqrs_id", "row_pk", "revision")) == [
        ("author", str(pk), 5)
    ]
    Author.objects.create(pk=pk, name="again")
    assert replicate() == [Outcome.APPLIED]
    assert revisions(AuthorCopy) == {pk: 6}


def test_what_the_master_remembers_is_never_lowered(run: Run) -> None:
    DeletedRow.objects.create(cqrs_id="author", row_pk="7", revision=9)

    gone, _ = run("cqrs_deleted_diff_master", stdin=[now_line("author"), "[[7,3],[8,3],9]"])

    assert parsed(gone[1:]) == [[[7, 9], [8, 4], 9]]
    assert dict(DeletedRow.objects.values_list("row_pk", "revision")) == {"7": 9, "8": 4}


def test_a_master_without_marked_revisions_starts_at_zero_again_and_wins(run: Run) -> None:
    """django-cqrs, or direct mode: there the time of the row decides."""
    outcomes(save(3, pk=1, name="old", monotonic=False))

    run("cqrs_deleted_sync_replica", stdin=[now_line("item"), "[1]"])

    assert tombstone("item", 1) == (True, 4)
    late = save(3, pk=1, name="old", monotonic=False)
    again = save(0, pk=1, name="again", monotonic=False, seconds=9)
    assert outcomes(late, again) == [Outcome.STALE, Outcome.APPLIED]


# What came after the list was made.


def test_a_row_that_was_created_again_meanwhile_is_kept(run: Run) -> None:
    outcomes(save(0, pk=1, name="a"), save(0, pk=2, name="b"))
    header = now_line("item")
    outcomes(delete(1, pk=1), save(2, pk=1, name="again"))

    done, _ = run("cqrs_deleted_sync_replica", stdin=[header, "[1,2]"])

    assert done[1] == "1 instance(s) deleted."
    assert revisions(Item) == {1: 2}


@pytest.mark.row_locks
@pytest.mark.parametrize("swapped", [False, True])
def test_a_row_that_is_created_again_at_the_same_time_is_kept(swapped: bool) -> None:
    """Each side is stopped at each of its statements while the other runs."""

    def work() -> None:
        outcomes(delete(1, pk=1), save(2, pk=1, name="again"))

    for step in itertools.count():
        Item.objects.all().delete()
        LedgerEntry.objects.all().delete()
        outcomes(save(0, pk=1, name="a"))
        moment = timezone.now()
        remove = partial(removal.remove, Item, [removal.Gone(1)], listed_at=moment)
        first, second = (work, remove) if swapped else (remove, work)
        is_reached = interleaved(first, second, step)

        assert revisions(Item) == {1: 2}, f"stopped at statement {step}"
        if not is_reached:
            assert step > 3
            break


def test_a_row_whose_delete_came_meanwhile_is_no_failure(run: Run) -> None:
    outcomes(save(0, pk=1, name="a"))
    header = now_line("item")
    outcomes(delete(1, pk=1))

    done, _ = run("cqrs_deleted_sync_replica", stdin=[header, "[1,99]"])

    assert done == ["Done!", "0 instance(s) deleted.", "2 instance(s) processed."]
    assert tombstone("item", 1) == (True, 1)
    assert not LedgerEntry.objects.filter(row_pk="99").exists()


def test_rows_that_are_older_than_the_ledger_are_removed_unless_they_changed(run: Run) -> None:
    now = timezone.now()
    old = {"cqrs_revision": 3, "cqrs_updated": now - timedelta(hours=1)}
    Item.objects.create(id=1, name="from django-cqrs", **old)
    new = {"cqrs_revision": 3, "cqrs_updated": now + timedelta(hours=1)}
    Item.objects.create(id=2, name="from django-cqrs", **new)

    run("cqrs_deleted_sync_replica", stdin=[now_line("item"), "[1,2]"])

    assert revisions(Item) == {2: 3}
    assert tombstone("item", 1) == (True, 4)


def test_a_row_beside_its_own_tombstone_is_removed_and_the_tombstone_stays(run: Run) -> None:
    outcomes(save(0, pk=1, name="a"), delete(1, pk=1))
    now = timezone.now()
    Item.objects.create(id=1, name="put there", cqrs_revision=0, cqrs_updated=now)

    done, _ = run("cqrs_deleted_sync_replica", stdin=[now_line("item"), "[1]"])

    assert done[1] == "1 instance(s) deleted."
    assert not Item.objects.exists()
    assert tombstone("item", 1) == (True, 1)


# Models of all sorts.


def test_rows_that_only_hooks_can_find_go_through_them(run: Run) -> None:
    outcomes(
        save(0, cqrs_id="self_keyed", pk=11, name="a"),
        save(5, cqrs_id="self_keyed", pk=12, name="b"),
        save(0, cqrs_id="self_keyed", pk=13, name="c"),
        delete(1, cqrs_id="self_keyed", pk=13),
    )

    listed, _ = run("cqrs_deleted_diff_replica", "-cid", "self_keyed", "--revisions", "-b", "1")

    assert parsed(listed[1:]) == [[["11", 0]], [["12", 5]]]
    run("cqrs_deleted_sync_replica", stdin=[listed[0], '["12"]'])
    assert list(SelfKeyed.objects.values_list("master_id", flat=True)) == [11]
    assert tombstone("self_keyed", 12) == (True, 6)
    with pytest.raises(CommandError, match="from the ledger only"):
        run("cqrs_deleted_diff_replica", "-cid", "self_keyed", "-f", "{}")


def test_hooks_of_a_model_without_rows_are_called(run: Run) -> None:
    Notifier.received.clear()

    done, _ = run("cqrs_deleted_sync_replica", stdin=[now_line("notifier"), "[5]"])

    ((kind, data),) = Notifier.received
    assert (kind, data["id"], done[1]) == ("delete", 5, "1 instance(s) deleted.")
    with pytest.raises(CommandError, match="Notifier has no rows to compare"):
        run("cqrs_deleted_diff_replica", "-cid", "notifier")


def test_read_only_replicas_are_mended_too(run: Run) -> None:
    outcomes(save(0, cqrs_id="guarded", pk=1, name="a"))

    run("cqrs_deleted_sync_replica", stdin=[now_line("guarded"), "[1]"])

    with applying():
        assert not Guarded.objects.exists()


def test_rows_that_point_to_a_removed_one_go_as_django_says(run: Run) -> None:
    outcomes(
        save(0, cqrs_id="parent", pk=1, name="a"),
        save(0, cqrs_id="child", pk=1, name="a", parent=1),
        save(0, cqrs_id="loose_child", pk=1, parent=1),
    )

    run("cqrs_deleted_sync_replica", stdin=[now_line("parent"), "[1]"])

    assert not Parent.objects.exists()
    assert not Child.objects.exists()
    assert LooseChild.objects.count() == 1


def test_a_row_that_cannot_be_removed_is_named_and_the_others_are_removed(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    outcomes(*(save(0, cqrs_id="hooked_item", pk=pk, name="x") for pk in (1, 2, 3)))

    def refuse(_cls: Any, master_data: dict[str, Any], /, **_: Any) -> bool:
        if master_data["id"] == 2:
            raise ZeroDivisionError("not this one")
        HookedItem.objects.filter(pk=master_data["id"]).delete()
        return True

    monkeypatch.setattr(HookedItem, "cqrs_delete", classmethod(refuse))

    with pytest.raises(CommandError, match=r"1 instance\(s\) could not be deleted\."):
        run("cqrs_deleted_sync_replica", stdin=[now_line("hooked_item"), "[1,2,3]"])

    assert revisions(HookedItem) == {2: 0}
    assert tombstone("hooked_item", 2) == (False, 0)
    assert not ParkedMessage.objects.exists()


# Input that is none.

HEADER = "author,2026-01-01 00:00:00+00:00"


@pytest.mark.parametrize("command", ["cqrs_deleted_diff_master", "cqrs_deleted_sync_replica"])
@pytest.mark.parametrize(
    ("stdin", "error"),
    [
        ([], "Nothing came on standard input"),
        (["junk"], "Line 1: expected CQRS_ID,time, got 'junk'"),
        (["nobody,2026-01-01"], "Wrong CQRS ID: nobody!"),
        ([HEADER, "[1]", "junk"], "Line 3: expected a JSON list .*, got 'junk'"),
        ([HEADER, "[true]"], "Line 2: expected a JSON list"),
        ([HEADER, '["x"]'], "Line 2: 'x' is no primary key of Author"),
    ],
)
def test_malformed_input_is_named_by_its_line(
    run: Run, command: str, stdin: list[str], error: str
) -> None:
    with pytest.raises(CommandError, match=error):
        run(command, stdin=stdin)


def test_without_a_time_nothing_is_removed(run: Run) -> None:
    outcomes(save(0, pk=1, name="a"))

    with pytest.raises(CommandError, match="Line 1: expected CQRS_ID,time, got 'item,soon'"):
        run("cqrs_deleted_sync_replica", stdin=["item,soon", "[1]"])

    assert Item.objects.exists()
