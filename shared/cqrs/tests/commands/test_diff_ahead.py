"""The pipe of diffs, where a replica is ahead of its master."""

from typing import Any

import pytest
from django.utils import timezone

from dj_cqrs.inbox.models import LedgerEntry
from dj_cqrs.outbox.models import DeletedRow
from dj_cqrs.replica.outcome import Outcome
from tests.app.master_models import Author
from tests.app.replica_models import AuthorCopy
from tests.commands import rows
from tests.commands.conftest import Pipe, Run, parsed
from tests.commands.mirrored import mirrored, replicate, revisions
from tests.master import outbox_reader

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def restored() -> tuple[Any, Any]:
    """A row that replicas know at revision 5, on a master that was set back to revision 2."""
    (pk,) = mirrored(Author, rows.authors, 1)
    Author.objects.filter(pk=pk).update(cqrs_revision=5, name="newer")
    Author.objects.get().cqrs_sync()
    replicate()
    Author.objects.filter(pk=pk).update(cqrs_revision=2, name="restored")
    return pk, Author.objects.get()


def test_a_restored_master_is_told_what_to_do(diff_pipe: Pipe, restored: tuple[Any, Any]) -> None:
    pk, _ = restored

    printed = diff_pipe("author")

    assert printed[1] == f"[{pk}]"
    assert "1 of them are ahead of the master" in printed[-1]
    assert "--revisions" in printed[-1]
    assert replicate() == [Outcome.STALE]


def test_a_restored_master_overtakes_its_replicas(
    diff_pipe: Pipe, restored: tuple[Any, Any]
) -> None:
    pk, _ = restored

    printed = diff_pipe("author", "--revisions")

    assert printed[1] == f"[[{pk},5]]"
    assert revisions(Author) == {pk: 6}
    assert replicate() == [Outcome.APPLIED]
    assert list(AuthorCopy.objects.values_list("name", "cqrs_revision")) == [("restored", 6)]
    assert len(diff_pipe("author", "--revisions")) == 1


def test_rows_that_are_only_old_keep_their_revision_beside_those_that_are_ahead(
    diff_pipe: Pipe, restored: tuple[Any, Any]
) -> None:
    pk, _ = restored
    old = Author.objects.create(name="not seen yet")
    outbox_reader.take()

    printed = diff_pipe("author", "--revisions")

    assert parsed(printed[1:2]) == [[[pk, 5], old.pk]]
    assert revisions(Author) == {pk: 6, old.pk: 0}
    assert replicate() == [Outcome.APPLIED, Outcome.APPLIED]


def test_a_row_that_has_passed_the_replica_by_itself_is_sent_as_it_is(
    run: Run, restored: tuple[Any, Any]
) -> None:
    pk, _ = restored
    Author.objects.filter(pk=pk).update(cqrs_revision=9)

    run("cqrs_diff_sync", stdin=["author,2026-01-01,None", f"[[{pk},5]]"])

    assert revisions(Author) == {pk: 9}
    assert replicate() == [Outcome.APPLIED]


def test_what_changed_after_the_list_was_made_is_not_ahead_of_the_master(run: Run) -> None:
    (pk,) = mirrored(Author, rows.authors, 1)
    listed, _ = run("cqrs_diff_master", "-cid", "author")
    author = Author.objects.get()
    author.save()
    replicate()

    differing, errors = run("cqrs_diff_replica", "--revisions", stdin=listed)

    assert parsed(differing[1:]) == [[pk]]
    assert errors == [f"PK to resync: { ({pk}) }"]


def test_a_row_that_a_restored_master_has_again_wins_over_its_tombstone(diff_pipe: Pipe) -> None:
    (pk,) = mirrored(Author, rows.authors, 1)
    Author.objects.get().delete()
    replicate()
    assert revisions(AuthorCopy) == {}
    DeletedRow.objects.all().delete()
    Author.objects.bulk_create([Author(pk=pk, name="restored")])

    diff_pipe("author")
    assert replicate() == [Outcome.STALE]
    diff_pipe("author", "--revisions")

    assert replicate() == [Outcome.APPLIED]
    assert revisions(AuthorCopy) == revisions(Author) == {pk: 2}


def test_a_ledger_that_is_ahead_of_its_row_would_refuse_what_comes(run: Run) -> None:
    """A row that somebody restored here alone."""
    (pk,) = mirrored(Author, rows.authors, 1)
    LedgerEntry.objects.update(revision=4)

    differing, _ = run(
        "cqrs_diff_replica", "--revisions", stdin=[f"author,{timezone.now()}", f"[[{pk},0]]"]
    )

    assert parsed(differing[1:]) == [[[pk, 4]]]
