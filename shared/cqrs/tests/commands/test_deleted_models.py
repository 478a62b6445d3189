"""The pipe of deleted rows, with models of all sorts."""

from typing import Any

import pytest
from django.core.management import CommandError

from dj_cqrs.inbox.models import ParkedMessage
from dj_cqrs.replica.read_only import applying
from tests.app.replica_models import (
    Child,
    Guarded,
    HookedItem,
    LooseChild,
    Notifier,
    Parent,
    SelfKeyed,
)
from tests.commands.conftest import Run, parsed
from tests.commands.deleting import now_line, tombstone
from tests.commands.mirrored import revisions
from tests.replica.support import delete, outcomes, save

pytestmark = pytest.mark.django_db(transaction=True)


def test_rows_that_only_hooks_can_find_go_through_them(run: Run) -> None:
    outcomes(
        save(0, cqrs_id="self_keyed", pk=11, name="a"),
        save(5, cqrs_id="self_keyed", pk=12, name="b"),
        save(0, cqrs_id="self_keyed", pk=13, name="c"),
        delete(1, cqrs_id="self_keyed", pk=13),
    )

    listed, _ = run("cqrs_deleted_diff_replica", "-cid", "self_keyed", "--revisions", "-b", "1")

    alive, deleted = [[["11", 0]], [["12", 5]]], [[["13", 1]]]
    assert parsed(listed[1:]) == alive + deleted
    without, _ = run("cqrs_deleted_diff_replica", "-cid", "self_keyed")
    assert parsed(without[1:]) == [["11", "12"]]
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
