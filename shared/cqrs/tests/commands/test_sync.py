"""``cqrs_sync``: what it sends, what it says, and what it makes of trouble."""

import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connections, transaction

from dj_cqrs.management.commands.cqrs_sync import Command
from dj_cqrs.master.bulk_sync import MARGIN, SyncRequest, sync_rows
from dj_cqrs.outbox.models import OutboxMessage
from tests.app.master_models import Author, Fragile, Silent
from tests.commands import rows
from tests.commands.running import Meddling, run, run_failing
from tests.master.outbox_reader import take

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "second"])


@pytest.mark.parametrize(
    ("model", "create"), rows.OF_EVERY_KEY, ids=lambda value: getattr(value, "CQRS_ID", "")
)
def test_every_row_is_sent_once_whatever_its_key(
    model: Any, create: Callable[[int], list[Any]]
) -> None:
    pks = create(25)

    output = run("cqrs_sync", "-cid", model.CQRS_ID, "-f", "{}", "-b", "10")

    messages = take()
    assert [m["instance_pk"] for m in messages] == [
        pk if isinstance(pk, int) else str(pk) for pk in pks
    ]
    assert {m["signal_type"] for m in messages} == {"SYNC"}
    assert output == "Done!\n25 instance(s) synced.\n25 instance(s) processed.\n"


def test_a_filter_and_a_queue_choose_what_goes_where() -> None:
    rows.authors(25)

    output = run("cqrs_sync", "-cid", "author", "-f", '{"name__gte": "8"}', "-q", "shop")

    assert [(m["instance_data"]["name"], m["routing_key"]) for m in take()] == [
        ("8", "cqrs.shop.author"),
        ("9", "cqrs.shop.author"),
    ]
    assert "2 instance(s) synced.\n2 instance(s) processed." in output


def test_the_progress_is_shown_to_who_asks_for_it() -> None:
    rows.authors(25)

    output = run("cqrs_sync", "-cid", "author", "-f", "{}", "-b", "10", "-p")

    first, *_, done, _, _ = output.splitlines()
    assert first == "Processing 25 records with batch size 10"
    assert "10 of 25 processed - 40% with rate " in output
    assert "25 of 25 processed - 100% with rate " in output
    assert done == "Done!"


def test_python_code_may_leave_out_options(capsys: pytest.CaptureFixture[str]) -> None:
    rows.authors(3)

    Command().handle(cqrs_id="author", filter='{"name": "1"}', progress=False, batch=10)
    Command().handle(cqrs_id="author", filter="{}")

    assert len(take()) == 4
    assert "3 instance(s) synced." in capsys.readouterr().out


@pytest.mark.parametrize("text", [None, "", '{"name": "nobody"}'])
def test_without_rows_nothing_is_sent(text: str | None) -> None:
    rows.authors(1)

    assert run("cqrs_sync", cqrs_id="author", filter=text) == "No objects found for filter!\n"
    assert take() == []


@pytest.mark.parametrize(
    ("cqrs_id", "text", "problem"),
    [
        ("nobody", "{}", "Wrong CQRS ID: nobody!"),
        ("author", "[1]", "Bad filter kwargs!"),
        ("author", "{", "Bad filter kwargs!"),
        ("author", '{"colour": 1}', "Bad filter kwargs! .*colour"),
        ("note", '{"key": "no uuid"}', "Bad filter kwargs!"),
    ],
)
def test_bad_arguments_are_explained(cqrs_id: str, text: str, problem: str) -> None:
    with pytest.raises(CommandError, match=problem):
        call_command("cqrs_sync", cqrs_id=cqrs_id, filter=text)


@pytest.mark.parametrize(
    "arguments",
    [
        ["-b", "0"],
        ["-b", "x"],
        ["--delay", "-1"],
        ["--delay", "x"],
        ["--force", "-1"],
        ["--force", "x"],
    ],
)
def test_numbers_that_make_no_sense_are_refused(arguments: list[str]) -> None:
    with pytest.raises(CommandError, match=f"argument .*{arguments[0]}.*'{arguments[1]}' is n"):
        call_command("cqrs_sync", "-cid", "author", "-f", "{}", *arguments)


def test_there_is_a_pause_between_batches_but_not_around_them() -> None:
    rows.authors(3)
    started_at = time.monotonic()

    run("cqrs_sync", "-cid", "author", "-f", "{}", "-b", "1", "--delay", "0.2")

    assert time.monotonic() - started_at >= 0.4
    started_at = time.monotonic()
    run("cqrs_sync", "-cid", "author", "-f", "{}", "--delay", "60")
    assert time.monotonic() - started_at < 30


def test_rows_that_are_gone_or_stay_at_home_are_no_failures() -> None:
    pks = rows.fragile("a", "private")

    report = sync_rows(SyncRequest(Fragile, "default"), [*pks, 10**6])

    assert (report.synced, report.failures) == (1, [])


def test_a_model_that_does_not_produce_is_not_sent() -> None:
    Silent.objects.create(name="quiet")

    assert "0 instance(s) synced.\n1 instance(s) processed." in run(
        "cqrs_sync", cqrs_id="silent", filter="{}"
    )
    assert take() == []


def test_a_restored_master_wins_over_its_replicas_by_force() -> None:
    _, old = rows.authors(2)
    Author.objects.filter(pk=old).update(cqrs_revision=50)

    output = run("cqrs_sync", "-cid", "author", "-f", "{}", "--force", "41")

    revisions = [m["instance_data"]["cqrs_revision"] for m in take()]
    assert revisions == [42, 51]
    assert list(Author.objects.order_by("pk").values_list("cqrs_revision", flat=True)) == revisions
    assert output.startswith("Revisions are raised above 41.\n")


def test_force_without_a_number_goes_far_ahead() -> None:
    young, old = rows.authors(2)
    Author.objects.filter(pk=old).update(cqrs_revision=50)

    run("cqrs_sync", "-cid", "author", "-f", f'{{"pk": {young}}}', "--force")

    assert [m["instance_data"]["cqrs_revision"] for m in take()] == [50 + MARGIN + 1]
    assert Author.objects.get(pk=old).cqrs_revision == 50


def test_a_revision_that_no_column_holds_is_refused() -> None:
    rows.authors(1)

    _, error = run_failing("cqrs_sync", cqrs_id="author", filter="{}", force=2**31)

    assert "cannot be raised" in error


def test_a_row_that_cannot_be_sent_keeps_its_revision() -> None:
    rows.fragile("a", "broken", "b")

    run_failing("cqrs_sync", "-cid", "fragile", "-f", "{}", "--force", "7")

    revisions = dict(Fragile.objects.values_list("name", "cqrs_revision"))
    assert revisions == {"a": 8, "broken": 0, "b": 8}


def test_rows_that_the_callers_transaction_changes_again_get_their_last_state() -> None:
    author = Author.objects.create(name="old")
    take()
    with transaction.atomic():
        author.name = "first"
        author.save()
        run("cqrs_sync", cqrs_id="author", filter="{}")
        author.name = "last"
        author.save()

    (message,) = take()
    assert (message["signal_type"], message["instance_data"]["name"]) == ("SAVE", "last")


@pytest.mark.postgres
def test_a_connection_that_dies_between_batches_is_replaced() -> None:
    pks = rows.authors(25)
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        backends = [cursor.fetchone()[0]]

    def kill() -> None:
        with connections["second"].cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s)", [backends.pop() if backends else 0])

    call_command(
        "cqrs_sync", cqrs_id="author", filter="{}", batch=10, progress=True, stdout=Meddling(kill)
    )

    assert [m["instance_pk"] for m in take()] == pks


def test_memory_does_not_grow_with_the_rows_of_a_batch() -> None:
    pks = rows.authors(3000)

    def peak(count: int) -> int:
        tracemalloc.start()
        run("cqrs_sync", "-cid", "author", "-f", f'{{"pk__lte": {pks[count - 1]}}}')
        _, peak_bytes = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        OutboxMessage.objects.all().delete()
        return peak_bytes

    peak(100)  # imports and caches
    few, many = peak(1000), peak(3000)
    assert many < 2 * few
