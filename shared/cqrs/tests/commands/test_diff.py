"""The pipe that finds and mends rows which are missing on a replica or differ there."""

import re
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import CommandError
from django.db import models
from django.db.models import F
from django.test.utils import isolate_apps
from django.utils import timezone
from pytest_django import Settings

from dj_cqrs.inbox.models import LedgerEntry
from dj_cqrs.outbox.models import DeletedRow, OutboxMessage
from dj_cqrs.registries import MasterRegistry, ReplicaRegistry
from dj_cqrs.replica.outcome import Outcome
from tests.app.master_models import Author, Book, Note
from tests.app.replica_models import AuthorCopy, NoteCopy
from tests.commands import rows
from tests.commands.conftest import Run, parsed
from tests.commands.mirrored import PAIRS, mirrored, replicate, revisions
from tests.master import outbox_reader
from tests.replica.support import delete, outcomes, save

pytestmark = pytest.mark.django_db(transaction=True)

of_every_key = pytest.mark.parametrize(
    ("master", "replica", "create"), PAIRS, ids=[pair[0].CQRS_ID for pair in PAIRS]
)

Pipe = Callable[..., list[str]]


@pytest.fixture
def pipe(run: Run) -> Pipe:
    """Runs the whole pipe; returns what the replica's command printed."""

    def pipe(cqrs_id: str, *options: str) -> list[str]:
        listed, _ = run("cqrs_diff_master", "--cqrs-id", cqrs_id)
        differing, errors = run("cqrs_diff_replica", *options, stdin=listed)
        run("cqrs_diff_sync", stdin=differing)
        return differing + errors

    return pipe


@of_every_key
def test_what_is_missing_or_old_on_a_replica_is_sent_again(
    pipe: Pipe, master: Any, replica: Any, create: Any
) -> None:
    mirrored(master, create, 5)
    missing, old, *_ = revisions(replica)
    replica.objects.filter(pk=missing).delete()
    changed = master.objects.get(pk=old)
    changed.save()
    outbox_reader.take()  # its message is lost

    pipe(master.CQRS_ID)

    messages = outbox_reader.summary(outbox_reader.take())
    assert sorted(messages, key=str) == sorted(
        [("SYNC", master.CQRS_ID, _plain(missing), 0), ("SYNC", master.CQRS_ID, _plain(old), 1)],
        key=str,
    )


def _plain(pk: Any) -> Any:
    return pk if isinstance(pk, int) else str(pk)


@of_every_key
def test_after_the_pipe_both_sides_are_equal(
    pipe: Pipe, master: Any, replica: Any, create: Any
) -> None:
    pks = mirrored(master, create, 5)
    master.objects.filter(pk__in=pks[:2]).update(cqrs_revision=F("cqrs_revision") + 3)
    replica.objects.filter(pk=pks[3]).delete()

    pipe(master.CQRS_ID)
    replicate()

    assert revisions(replica) == revisions(master)
    assert len(pipe(master.CQRS_ID)) == 1  # the header: nothing differs any more


def test_the_formats_are_those_of_the_contract(run: Run) -> None:
    first, second, third = rows.authors(3)

    listed, errors = run("cqrs_diff_master", "-cid", "author", "-b", "2")

    assert re.fullmatch(r"author,\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}\+00:00", listed[0])
    assert listed[1:] == [f"[[{first},0],[{second},0]]", f"[[{third},0]]"]
    assert errors == []

    differing, errors = run("cqrs_diff_replica", stdin=listed)

    assert differing == [f"{listed[0]},replica", f"[{first},{second}]", f"[{third}]"]
    assert errors == [f"PK to resync: { ({first, second}) }", f"PK to resync: { ({third}) }"]

    done, errors = run("cqrs_diff_sync", stdin=differing)

    assert done == ["Done!", "3 instance(s) synced.", "3 instance(s) processed."]
    assert errors == []


def test_only_chosen_rows_are_listed(run: Run) -> None:
    _, second, _ = rows.authors(3)

    listed, _ = run("cqrs_diff_master", "-cid", "author", "-f", '{"name": "1"}')

    assert parsed(listed[1:]) == [[[second, 0]]]
    with pytest.raises(CommandError, match="Bad filter kwargs!"):
        run("cqrs_diff_master", "-cid", "author", "-f", '{"nonsense": 1}')
    with pytest.raises(CommandError, match="Wrong CQRS ID: nobody!"):
        run("cqrs_diff_master", "-cid", "nobody")


def test_rows_that_stay_at_home_are_not_listed(run: Run) -> None:
    public = Note.objects.create(text="a")
    Note.objects.create(text="b", is_public=False)

    listed, _ = run("cqrs_diff_master", "-cid", "note")

    assert parsed(listed[1:]) == [[[str(public.pk), 0]]]


def test_where_nothing_is_found_the_header_says_that_nothing_went_wrong(run: Run) -> None:
    listed, errors = run("cqrs_diff_master", "-cid", "author")
    assert (len(listed), errors) == (1, ["No objects found for filter!"])

    differing, errors = run("cqrs_diff_replica", stdin=listed)
    assert (differing, errors) == ([f"{listed[0]},replica"], [])

    done, _ = run("cqrs_diff_sync", stdin=differing)
    assert done == ["Done!", "0 instance(s) synced.", "0 instance(s) processed."]


def test_rows_go_to_the_queue_that_the_replica_names(run: Run) -> None:
    (pk,) = rows.authors(1)

    run("cqrs_diff_sync", stdin=["author,2026-01-01 00:00:00+00:00,my.queue", f"[{pk}]"])
    run("cqrs_diff_sync", stdin=["author,2026-01-01 00:00:00+00:00,None", f"[{pk}]"])

    keys = [message["routing_key"] for message in outbox_reader.take()]
    assert keys == ["cqrs.my.queue.author", "author"]


def test_rows_that_are_gone_meanwhile_are_no_failure(run: Run) -> None:
    done, _ = run("cqrs_diff_sync", stdin=["author,2026-01-01,None", "[7]"])

    assert done == ["Done!", "0 instance(s) synced.", "1 instance(s) processed."]


def test_rows_that_cannot_be_sent_are_named_and_the_exit_code_says_so(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    fine, broken = rows.fragile("a", "broken")

    with pytest.raises(CommandError, match=r"1 instance\(s\) could not be synced"):
        run("cqrs_diff_sync", stdin=["fragile,2026-01-01,None", f"[{fine},{broken}]"])

    assert [message["instance_pk"] for message in outbox_reader.take()] == [fine]


def test_the_progress_can_be_shown(run: Run) -> None:
    pks = rows.authors(3)

    done, _ = run("cqrs_diff_sync", "-p", "-b", "2", stdin=["author,2026-01-01,None", str(pks)])

    assert any("3 of 3 processed - 100%" in line for line in done)
    assert done[-2:] == ["3 instance(s) synced.", "3 instance(s) processed."]


# A replica that is ahead of its master.


@pytest.fixture
def restored() -> tuple[Any, Any]:
    """A row that replicas know at revision 5, on a master that was set back to revision 2."""
    (pk,) = mirrored(Author, rows.authors, 1)
    Author.objects.filter(pk=pk).update(cqrs_revision=5, name="newer")
    Author.objects.get().cqrs_sync()
    replicate()
    Author.objects.filter(pk=pk).update(cqrs_revision=2, name="restored")
    return pk, Author.objects.get()


def test_a_restored_master_is_told_what_to_do(pipe: Pipe, restored: tuple[Any, Any]) -> None:
    pk, _ = restored

    printed = pipe("author")

    assert printed[1] == f"[{pk}]"
    assert "1 of them are ahead of the master" in printed[-1]
    assert "--revisions" in printed[-1]
    assert replicate() == [Outcome.STALE]


def test_a_restored_master_overtakes_its_replicas(pipe: Pipe, restored: tuple[Any, Any]) -> None:
    pk, _ = restored

    printed = pipe("author", "--revisions")

    assert printed[1] == f"[[{pk},5]]"
    assert revisions(Author) == {pk: 6}
    assert replicate() == [Outcome.APPLIED]
    assert list(AuthorCopy.objects.values_list("name", "cqrs_revision")) == [("restored", 6)]
    assert len(pipe("author", "--revisions")) == 1


def test_rows_that_are_only_old_keep_their_revision_beside_those_that_are_ahead(
    pipe: Pipe, restored: tuple[Any, Any]
) -> None:
    pk, _ = restored
    old = Author.objects.create(name="not seen yet")
    outbox_reader.take()

    printed = pipe("author", "--revisions")

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


def test_a_row_that_a_restored_master_has_again_wins_over_its_tombstone(pipe: Pipe) -> None:
    (pk,) = mirrored(Author, rows.authors, 1)
    Author.objects.get().delete()
    replicate()
    assert revisions(AuthorCopy) == {}
    DeletedRow.objects.all().delete()
    Author.objects.bulk_create([Author(pk=pk, name="restored")])

    pipe("author")
    assert replicate() == [Outcome.STALE]
    pipe("author", "--revisions")

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


# Models of all sorts.


def test_rows_that_only_hooks_can_find_are_compared_by_the_ledger(run: Run) -> None:
    outcomes(
        save(0, cqrs_id="self_keyed", pk=11, name="same"),
        save(3, cqrs_id="self_keyed", pk=12, name="old"),
        delete(1, cqrs_id="self_keyed", pk=13),
    )

    differing, _ = run(
        "cqrs_diff_replica",
        "--revisions",
        stdin=[f"self_keyed,{timezone.now()}", "[[11,0],[12,4],[13,2],[14,0]]", "[[13,1]]"],
    )

    assert parsed(differing[1:]) == [[12, 13, 14], [[13, 1]]]


def test_models_without_rows_and_unknown_ones_are_refused(run: Run) -> None:
    with pytest.raises(CommandError, match="Notifier has no rows to compare"):
        run("cqrs_diff_replica", stdin=["notifier,2026-01-01", "[[1,0]]"])
    for command in ("cqrs_diff_replica", "cqrs_diff_sync"):
        with pytest.raises(CommandError, match="Wrong CQRS ID: nobody!"):
            run(command, stdin=["nobody,2026-01-01"])


@isolate_apps("tests.app")
def test_keys_of_several_columns_are_refused(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    class Pair(models.Model):
        pk = models.CompositePrimaryKey("left", "right")
        left = models.IntegerField()
        right = models.IntegerField()
        CQRS_NO_DB_OPERATIONS = False

        class Meta:
            app_label = "app"

    monkeypatch.setattr(MasterRegistry, "models", {"pair": Pair})
    monkeypatch.setattr(ReplicaRegistry, "models", {"pair": Pair})
    header = ["pair,2026-01-01,None"]
    for command, arguments, stdin in (
        ("cqrs_diff_master", ["-cid", "pair"], None),
        ("cqrs_diff_replica", [], header),
        ("cqrs_diff_sync", [], header),
        ("cqrs_deleted_diff_replica", ["-cid", "pair"], None),
        ("cqrs_deleted_diff_master", [], header),
        ("cqrs_deleted_sync_replica", [], header),
    ):
        with pytest.raises(CommandError, match="primary key of several columns"):
            run(command, *arguments, stdin=stdin)


def test_a_service_without_a_queue_says_none(run: Run, settings: Settings) -> None:
    settings.CQRS = {**settings.CQRS, "queue": None}

    differing, _ = run("cqrs_diff_replica", stdin=["author,2026-01-01"])

    assert differing == ["author,2026-01-01,None"]


# Input that is none.

HEADER = "author,2026-01-01 00:00:00+00:00,None"


@pytest.mark.parametrize("command", ["cqrs_diff_replica", "cqrs_diff_sync"])
@pytest.mark.parametrize(
    ("stdin", "error"),
    [
        ([], "Nothing came on standard input"),
        (["", HEADER], "Nothing came on standard input"),
        (["junk"], "Line 1: expected CQRS_ID,time, got 'junk'"),
        ([HEADER, "[[1,0]]", "junk"], "Line 3: expected a JSON list .*, got 'junk'"),
        ([HEADER, '{"1": 0}'], "Line 2: expected a JSON list"),
        ([HEADER, "[[1,0"], "Line 2: expected a JSON list"),
        ([HEADER, "[[1]]"], "Line 2: expected a JSON list"),
        ([HEADER, '[[1,"0"]]'], "Line 2: expected a JSON list"),
        ([HEADER, "[[null,0]]"], "Line 2: expected a JSON list"),
        ([HEADER, '[["x",0]]'], "Line 2: 'x' is no primary key of Author"),
    ],
)
def test_malformed_input_is_named_by_its_line(
    run: Run, command: str, stdin: list[str], error: str
) -> None:
    rows.authors(1)
    with pytest.raises(CommandError, match=error):
        run(command, stdin=stdin)


def test_a_replica_needs_the_masters_time_and_revisions(run: Run) -> None:
    with pytest.raises(CommandError, match="Line 1: expected CQRS_ID,time, got 'author,soon'"):
        run("cqrs_diff_replica", stdin=["author,soon", "[[1,0]]"])
    with pytest.raises(CommandError, match="Line 2: 1 comes without a revision"):
        run("cqrs_diff_replica", stdin=["author,2026-01-01", "[1]"])


def test_models_of_many_rows_take_few_queries(
    run: Run, django_assert_max_num_queries: Callable[[int], Any]
) -> None:
    pks = [uuid.uuid4() for _ in range(1200)]
    Note.objects.bulk_create(Note(key=pk, text="x") for pk in pks)

    with django_assert_max_num_queries(6):  # pages of 1000, rows in chunks of 500
        listed, _ = run("cqrs_diff_master", "-cid", "note", "-b", "1000")
    with django_assert_max_num_queries(6):
        differing, _ = run("cqrs_diff_replica", stdin=listed)

    assert sum(line.count(",") + 1 for line in differing[1:]) == 1200
    assert not NoteCopy.objects.exists()
    assert not OutboxMessage.objects.exists()
    assert not Book.objects.exists()
