"""What django-cqrs's commands get wrong (W24, W32 to W36), and ours must not."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db.models.signals import post_save
from django.utils import timezone
from pika.adapters.blocking_connection import BlockingChannel
from pytest_django import Settings

from dj_cqrs.exceptions import TransportError
from dj_cqrs.management.dead_letters.in_broker import BrokerStore
from dj_cqrs.management.dead_letters.letters import Selection
from dj_cqrs.transport import RabbitMQTransport
from dj_cqrs.transport.memory import broker
from local_stack.proxy import Proxy
from tests.app.master_models import Author
from tests.app.replica_models import Notifier, SelfKeyed, Unique
from tests.commands import rows
from tests.commands.conftest import Run
from tests.commands.mirrored import PAIRS, mirrored, replicate, revisions
from tests.commands.running import Meddling, direct_mode, in_another_connection, run_failing
from tests.master.outbox_reader import take
from tests.replica.support import outcomes, save

pytestmark = pytest.mark.django_db(transaction=True)


def test_w32_a_sync_beside_writes_sends_every_row_once() -> None:
    pks = rows.authors(1000)
    hundreds = [pks[start : start + 100] for start in range(0, 1000, 100)]

    def write() -> None:
        """An update moves rows to the end of PostgreSQL's table."""
        chosen = hundreds.pop(0) if hundreds else []
        in_another_connection(lambda: Author.objects.filter(pk__in=chosen).update(name="changed"))

    call_command(
        "cqrs_sync",
        cqrs_id="author",
        filter="{}",
        batch=100,
        progress=True,
        stdout=Meddling(write),
    )

    assert [message["instance_pk"] for message in take()] == pks


def test_w33_rows_that_were_not_sent_are_not_counted_as_synced() -> None:
    _, first, _, second = rows.fragile("a", "broken", "private", "broken")

    output, error = run_failing("cqrs_sync", cqrs_id="fragile", filter="{}")

    assert [message["instance_data"]["name"] for message in take()] == ["a"]
    for pk in (first, second):
        assert f"\nSync record failed for pk={pk}: ValueError: it is broken\n" in output
    assert output.endswith("Done!\n1 instance(s) synced.\n4 instance(s) processed.\n")
    assert error == "2 instance(s) could not be synced."


def test_w33_messages_that_the_broker_did_not_confirm_are_not_counted_as_synced(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows.authors(3)
    broker.reset()
    broker.bind("shop", "cqrs.shop.author")
    with direct_mode(monkeypatch):
        call_command("cqrs_sync", cqrs_id="author", filter="{}", queue="shop")
        output, error = run_failing("cqrs_sync", cqrs_id="author", filter="{}", queue="typo")
        broker.set_reachable(False)
        lost = run_failing("cqrs_sync", cqrs_id="author", filter="{}", queue="shop")

    broker.set_reachable(True)
    assert len(broker.messages("shop")) == 3
    assert "TransportError: No queue is bound for its routing key." in output
    assert output.endswith("Done!\n0 instance(s) synced.\n3 instance(s) processed.\n")
    assert error == "3 instance(s) could not be synced."
    assert lost[0].count("TransportError: the memory broker is not reachable") == 3


@pytest.mark.parametrize(
    ("master", "replica", "create"), PAIRS, ids=[pair[0].CQRS_ID for pair in PAIRS]
)
def test_w34_diffs_work_for_every_primary_key(
    run: Run, master: Any, replica: Any, create: Any
) -> None:
    pks = mirrored(master, create, 4)
    replica.objects.filter(pk=pks[0]).delete()
    master.objects.filter(pk=pks[1]).delete()
    take()  # its DELETE is lost

    cqrs_id = master.CQRS_ID
    listed, _ = run("cqrs_diff_master", "--cqrs-id", cqrs_id)
    differing, _ = run("cqrs_diff_replica", stdin=listed)
    run("cqrs_diff_sync", stdin=differing)
    replicate()
    listed, _ = run("cqrs_deleted_diff_replica", "--cqrs-id", cqrs_id)
    gone, _ = run("cqrs_deleted_diff_master", stdin=listed)
    run("cqrs_deleted_sync_replica", stdin=gone)

    assert revisions(replica) == revisions(master)
    assert len(revisions(master)) == 3


def test_w34_rows_that_the_master_lost_go_through_the_models_own_hooks(run: Run) -> None:
    Notifier.received.clear()
    outcomes(save(0, cqrs_id="self_keyed", pk=12, name="a"))
    moment = timezone.now()

    run("cqrs_deleted_sync_replica", stdin=[f"self_keyed,{moment}", "[12]"])
    run("cqrs_deleted_sync_replica", stdin=[f"notifier,{moment}", "[5]"])

    assert not SelfKeyed.objects.exists()
    assert [(kind, data["id"]) for kind, data in Notifier.received] == [("delete", 5)]


@pytest.mark.usefixtures("without_inbox")
def test_w24_a_dead_letter_whose_new_journey_is_not_confirmed_stays(
    run: Run,
    kept_by_broker: Callable[..., None],
    cqrs: dict[str, Any],
    amqp: BlockingChannel,
) -> None:
    kept_by_broker(save(0, cqrs_id="notifier", pk=1))
    queue = cqrs["queue"]
    amqp.queue_unbind(queue, cqrs["exchange"], f"cqrs.{queue}.notifier")

    with pytest.raises(CommandError, match="1 of 1 dead letters could not be retried"):
        run("cqrs_dead_letters", "retry")

    assert len(run("cqrs_dead_letters", "dump")[0]) == 1


@pytest.mark.usefixtures("without_inbox")
def test_w24_a_broker_that_goes_away_while_dead_letters_are_retried_loses_none(
    run: Run,
    kept_by_broker: Callable[..., None],
    proxy: Proxy,
    transport: type[RabbitMQTransport],
) -> None:
    kept_by_broker(*(save(0, cqrs_id="notifier", pk=pk) for pk in (1, 2, 3)))
    letters = transport.dead_letters()
    attempts = BrokerStore(letters, Selection()).retry()
    next(attempts)

    proxy.cut()
    with pytest.raises(TransportError):
        list(attempts)

    letters.close()
    consumer = transport.consumer()
    sent = {each.body for each in consumer.receive(max_messages=9, timeout_seconds=5)}
    consumer.close()
    kept = {line.encode() for line in run("cqrs_dead_letters", "dump")[0]}
    assert len(sent | kept) == 3


@pytest.mark.usefixtures("without_inbox")
def test_w36_dumping_more_letters_than_a_prefetch_ends_and_takes_none(
    run: Run, kept_by_broker: Callable[..., None], cqrs: dict[str, Any], settings: Settings
) -> None:
    settings.CQRS = {**cqrs, "replica": {"delay_queue_max_size": 2}}
    kept_by_broker(*(save(0, cqrs_id="notifier", pk=pk) for pk in range(7)))

    for _ in range(2):
        assert len(run("cqrs_dead_letters", "dump")[0]) == 7


@pytest.mark.usefixtures("without_inbox")
def test_w36_a_dump_ends_although_another_process_drains_the_queue(
    kept_by_broker: Callable[..., None],
    cqrs: dict[str, Any],
    amqp: BlockingChannel,
    transport: type[RabbitMQTransport],
) -> None:
    kept_by_broker(*(save(0, cqrs_id="notifier", pk=pk) for pk in range(3)))
    letters = transport.dead_letters()
    dumped = BrokerStore(letters, Selection()).browse()
    next(dumped)

    amqp.queue_purge(f"dead_letter_{cqrs['queue']}")

    assert not list(dumped)
    assert letters.count() == 1
    letters.close()


def _unique_dump(path: Path, codes: Sequence[str]) -> str:
    rows_ = [
        {"id": pk, "code": code, "cqrs_revision": 0, "cqrs_updated": str(timezone.now())}
        for pk, code in enumerate(codes)
    ]
    path.write_text("\n".join(["unique", *map(json.dumps, rows_)]))
    return str(path)


@pytest.mark.parametrize("arguments", [(), ("--clear",), ("-b", "3")])
def test_w35_a_bad_row_costs_only_itself(
    tmp_path: Path, arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    dump = _unique_dump(tmp_path / "dump", ["0", "1", "2", "3", "1", "5", "6", "7", "8", "9"])

    _, error = run_failing("cqrs_bulk_load", "-i", dump, *arguments)

    codes = sorted(Unique.objects.values_list("code", flat=True))
    assert codes == ["0", "1", "2", "3", "5", "6", "7", "8", "9"]
    shown = capsys.readouterr().err
    assert "Instance can't be saved: line 6!" in shown
    assert shown.endswith("Done!\n9 instance(s) loaded.\n")
    assert error == "1 line(s) could not be loaded."


def test_w35_clear_false_does_not_clear(tmp_path: Path) -> None:
    Unique.objects.create(id=99, code="mine", cqrs_revision=0, cqrs_updated=timezone.now())

    call_command("cqrs_bulk_load", "-i", _unique_dump(tmp_path / "dump", ["0"]), "--clear=false")

    assert Unique.objects.filter(pk=99).exists()


@pytest.mark.postgres
def test_w35_nobody_sees_the_gap_between_clear_and_load(tmp_path: Path) -> None:
    Unique.objects.create(id=99, code="mine", cqrs_revision=0, cqrs_updated=timezone.now())
    seen: list[int] = []

    def look(*_: Any, **__: Any) -> None:
        if not seen:
            in_another_connection(lambda: seen.append(Unique.objects.count()))

    post_save.connect(look, sender=Unique)
    try:
        dump = _unique_dump(tmp_path / "dump", ["0", "1"])
        call_command("cqrs_bulk_load", "-i", dump, "--clear", "-b", "1")
    finally:
        post_save.disconnect(look, sender=Unique)

    assert seen == [1]
    assert Unique.objects.count() == 2


def test_w35_a_dump_is_written_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows.authors(2)
    dump = tmp_path / "author.dump"
    dump.write_text("the last good one")

    def interrupted(*_: Any, **__: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(Author, "to_cqrs_dict", interrupted)
    with pytest.raises(KeyboardInterrupt):
        call_command("cqrs_bulk_dump", "-c", "author", "-o", str(dump), "-f")

    assert [path.read_text() for path in tmp_path.iterdir()] == ["the last good one"]
