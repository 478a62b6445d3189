"""The pipe that finds and mends rows which are missing on a replica or differ there."""

import re
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import CommandError
from django.db.models import F
from django.utils import timezone
from pytest_django import Settings

from dj_cqrs.outbox.models import OutboxMessage
from tests.app.master_models import Book, Note
from tests.app.replica_models import NoteCopy
from tests.commands import rows
from tests.commands.conftest import Pipe, Run, parsed
from tests.commands.mirrored import mirrored, of_every_key, replicate, revisions
from tests.master import outbox_reader
from tests.replica.support import delete, outcomes, save

pytestmark = pytest.mark.django_db(transaction=True)


@of_every_key
def test_what_is_missing_or_old_on_a_replica_is_sent_again(
    diff_pipe: Pipe, master: Any, replica: Any, create: Any
) -> None:
    mirrored(master, create, 5)
    missing, old, *_ = revisions(replica)
    replica.objects.filter(pk=missing).delete()
    changed = master.objects.get(pk=old)
    changed.save()
    outbox_reader.take()  # its message is lost

    diff_pipe(master.CQRS_ID)

    messages = outbox_reader.summary(outbox_reader.take())
    assert sorted(messages, key=str) == sorted(
        [("SYNC", master.CQRS_ID, _plain(missing), 0), ("SYNC", master.CQRS_ID, _plain(old), 1)],
        key=str,
    )


def _plain(pk: Any) -> Any:
    return pk if isinstance(pk, int) else str(pk)


@of_every_key
def test_after_the_pipe_both_sides_are_equal(
    diff_pipe: Pipe, master: Any, replica: Any, create: Any
) -> None:
    pks = mirrored(master, create, 5)
    master.objects.filter(pk__in=pks[:2]).update(cqrs_revision=F("cqrs_revision") + 3)
    replica.objects.filter(pk=pks[3]).delete()

    diff_pipe(master.CQRS_ID)
    replicate()

    assert revisions(replica) == revisions(master)
    assert len(diff_pipe(master.CQRS_ID)) == 1  # the header: nothing differs any more


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

    assert done[0] == "Processing 3 records with batch size 2"
    assert any("3 of 3 processed - 100%" in line for line in done)
    assert done[-2:] == ["3 instance(s) synced.", "3 instance(s) processed."]


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


def test_a_service_without_a_queue_says_none(run: Run, settings: Settings) -> None:
    settings.CQRS = {**settings.CQRS, "queue": None}

    differing, _ = run("cqrs_diff_replica", stdin=["author,2026-01-01"])

    assert differing == ["author,2026-01-01,None"]


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
