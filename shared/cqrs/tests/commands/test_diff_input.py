"""What the commands of the pipe of diffs refuse to read or to compare."""

import pytest
from django.core.management import CommandError
from django.db import models
from django.test.utils import isolate_apps

from dj_cqrs.registries import MasterRegistry, ReplicaRegistry
from tests.commands import rows
from tests.commands.conftest import Run

pytestmark = pytest.mark.django_db(transaction=True)


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
