"""The pipe that finds and removes rows whose DELETE a replica has lost."""

import re
from typing import Any

import pytest
from django.core.management import CommandError

from tests.app.master_models import Author, Hidden
from tests.app.replica_models import Item
from tests.commands import rows
from tests.commands.conftest import Pipe, Run, parsed
from tests.commands.deleting import lose_deletes, now_line, tombstone
from tests.commands.mirrored import mirrored, of_every_key, revisions
from tests.replica.support import outcomes, save

pytestmark = pytest.mark.django_db(transaction=True)


@of_every_key
def test_rows_that_the_master_has_deleted_are_removed(
    deleted_pipe: Pipe, master: Any, replica: Any, create: Any
) -> None:
    pks = mirrored(master, create, 5)
    lose_deletes(master, pk__in=pks[1:3])

    done = deleted_pipe(master.CQRS_ID)

    assert done == ["Done!", "2 instance(s) deleted.", "2 instance(s) processed."]
    assert revisions(replica) == revisions(master)
    assert tombstone(master.CQRS_ID, pks[1]) == (True, 1)
    assert deleted_pipe(master.CQRS_ID) == [
        "Done!",
        "0 instance(s) deleted.",
        "0 instance(s) processed.",
    ]


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
    listed, errors = run("cqrs_deleted_diff_replica", "-cid", "author", "-f", '{"name": "9"}')
    assert (len(listed), errors) == (1, ["No objects found for filter!"])
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
