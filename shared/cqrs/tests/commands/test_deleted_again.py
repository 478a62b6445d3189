"""The pipe of deleted rows, where a row comes again: later, or while the pipe runs."""

import itertools
from datetime import timedelta
from functools import partial

import pytest
from django.db import connection
from django.utils import timezone

from dj_cqrs.inbox.models import LedgerEntry
from dj_cqrs.outbox.models import DeletedRow
from dj_cqrs.replica import removal
from dj_cqrs.replica.outcome import Outcome
from tests.app.master_models import Author, Note
from tests.app.replica_models import AuthorCopy, Item, NoteCopy
from tests.commands import rows
from tests.commands.conftest import Pipe, Run, parsed
from tests.commands.deleting import lose_deletes, now_line, tombstone
from tests.commands.mirrored import mirrored, replicate, revisions
from tests.replica.interleaving import interleaved
from tests.replica.support import delete, outcomes, save

pytestmark = pytest.mark.django_db(transaction=True)


# What the tombstone does.


@pytest.mark.parametrize("options", [(), ("--revisions",)])
def test_a_key_that_is_used_again_wins_over_the_tombstone(
    deleted_pipe: Pipe, options: tuple[str, ...]
) -> None:
    (pk,) = mirrored(Author, rows.authors, 1)
    author = Author.objects.get()
    for _ in range(3):
        author.save()
    lose_deletes(Author)  # with the updates before it

    deleted_pipe("author", *options)
    Author.objects.create(pk=pk, name="again")

    assert replicate() == [Outcome.APPLIED]
    assert revisions(AuthorCopy) == revisions(Author)


def test_a_late_message_of_the_deleted_row_does_not_bring_it_back(deleted_pipe: Pipe) -> None:
    (pk,) = mirrored(Author, rows.authors, 1)
    lose_deletes(Author)

    deleted_pipe("author")

    late = save(0, cqrs_id="author", pk=pk, name="late")
    assert outcomes(late) == [Outcome.STALE]


def test_the_masters_revision_keeps_out_later_updates_too(deleted_pipe: Pipe) -> None:
    (pk,) = mirrored(Author, rows.authors, 1)
    Author.objects.get().save()
    Author.objects.get().save()
    lose_deletes(Author)

    deleted_pipe("author", "--revisions")

    assert tombstone("author", pk) == (True, 3)
    late = save(2, cqrs_id="author", pk=pk, name="late")
    assert outcomes(late) == [Outcome.STALE]


def test_a_master_that_saw_no_delete_remembers_the_replicas_revision(deleted_pipe: Pipe) -> None:
    """A row that raw SQL deleted leaves nothing behind that a new one could go on after."""
    (pk,) = mirrored(Author, rows.authors, 1)
    Author.objects.update(cqrs_revision=4)
    Author.objects.get().cqrs_sync()
    replicate()
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {Author._meta.db_table}")

    assert deleted_pipe("author", "--revisions")[1] == "1 instance(s) deleted."

    assert list(DeletedRow.objects.values_list("cqrs_id", "row_pk", "revision")) == [
        ("author", str(pk), 5)
    ]
    Author.objects.create(pk=pk, name="again")
    assert replicate() == [Outcome.APPLIED]
    assert revisions(AuthorCopy) == {pk: 6}


def test_a_restored_master_learns_of_keys_that_it_has_given_away_and_taken_back(
    deleted_pipe: Pipe,
) -> None:
    """The replica has no row of it any more, only a tombstone; the master's backup has nothing."""
    outcomes(save(0, cqrs_id="author", pk=7, name="lost"), delete(6, cqrs_id="author", pk=7))

    deleted_pipe("author", "--revisions")

    Author.objects.create(pk=7, name="of today")
    assert replicate() == [Outcome.APPLIED]
    assert revisions(AuthorCopy) == revisions(Author)
    assert revisions(AuthorCopy)[7] > 6


def test_a_restored_master_takes_back_rows_that_stay_at_home_again(
    deleted_pipe: Pipe,
) -> None:
    (pk,) = mirrored(Note, rows.notes, 1)
    for _ in range(3):
        Note.objects.get().save()
    replicate()
    assert revisions(NoteCopy) == {pk: 3}
    Note.objects.update(is_public=False, cqrs_revision=1)  # as its backup has it

    deleted_pipe("note", "--revisions")

    assert revisions(NoteCopy) == {}
    note = Note.objects.get()
    note.is_public = True
    note.save()
    assert replicate() == [Outcome.APPLIED]
    assert revisions(NoteCopy) == revisions(Note)


def test_rows_that_stay_at_home_and_that_no_replica_is_ahead_of_are_left_alone(
    deleted_pipe: Pipe,
) -> None:
    """They were sent once, and stay as they were then."""
    (pk,) = mirrored(Note, rows.notes, 1)
    Note.objects.update(is_public=False)

    deleted_pipe("note", "--revisions")

    assert revisions(NoteCopy) == {pk: 0}
    assert revisions(Note) == {pk: 0}


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
