"""The notifier: no database, so that what is under way is with the broker or nowhere."""

import random
from collections import Counter
from http import HTTPStatus

from integration_tests.clients import MasterClient
from integration_tests.notifying import running_notifier
from integration_tests.services import Notifier
from integration_tests.settling import wait_until_settled
from integration_tests.shelf import fill_shelf
from integration_tests.stack import Stack
from integration_tests.webhook import webhook
from local_stack.waiting import eventually


def announced(notifier: Notifier) -> Counter[tuple[str, int, str]]:
    return Counter(
        (line["event"], line["track_id"], line["price"]) for line in notifier.notifications()
    )


def test_each_price_drop_is_announced_once_and_nothing_else(
    stack: Stack, master: MasterClient
) -> None:
    shelf = fill_shelf(master, tracks=5)
    drops = Counter({("price_drop", track_id, "0.79"): 1 for track_id in shelf.track_ids})
    first = shelf.track_ids[0]
    with running_notifier(stack) as notifier:
        master.reprice(shelf.track_ids, "1.29")
        master.reprice(shelf.track_ids, "0.79")
        master.update("artists", shelf.artist["id"], name=shelf.artist["name"] + "!")
        master.update("tracks", first, unit_price="0.69")
        drops["price_drop", first, "0.69"] = 1

        def all_are_announced() -> None:
            assert announced(notifier) == drops

        eventually(all_are_announced, within_seconds=60)
        wait_until_settled(stack)
        assert announced(notifier) == drops
        last = notifier.notifications()[-1]
        assert (last["previous_price"], last["source"]) == ("0.79", "api")


def test_a_sync_announces_prices_only_where_it_was_asked_for(
    stack: Stack, master: MasterClient
) -> None:
    (track_id,) = fill_shelf(master).track_ids
    row = f'{{"id": {track_id}}}'
    with running_notifier(stack) as notifier:
        sync = ("cqrs_sync", "--cqrs-id", "track", "--filter")
        stack.master.manage_many((*sync, "{}"), (*sync, row, "--queue", notifier.queue))

        def is_announced() -> None:
            assert announced(notifier) == Counter({("price", track_id, "0.99"): 1})

        eventually(is_announced, within_seconds=60)


def test_no_price_drop_is_lost_when_the_notifier_is_killed(
    stack: Stack, master: MasterClient, rng: random.Random
) -> None:
    shelf = fill_shelf(master, tracks=20)
    expected: set[tuple[str, int, str]] = set()
    with running_notifier(stack) as notifier:
        for price in ("0.89", "0.79", "0.69"):
            master.reprice(shelf.track_ids, price)
            expected |= {("price_drop", track_id, price) for track_id in shelf.track_ids}
            count = rng.randint(1, 20)

            def some_are_announced(count: int = count) -> None:
                assert len(notifier.notifications()) >= count

            eventually(some_are_announced, within_seconds=60)
            notifier.consumer.kill()
            notifier.consumer.start()

        def all_are_announced() -> None:
            # At least once: what was announced right before a kill may come again.
            assert announced(notifier).keys() == expected

        eventually(all_are_announced, within_seconds=90)


def test_a_notification_that_the_webhook_refuses_is_posted_again(
    stack: Stack, master: MasterClient
) -> None:
    shelf = fill_shelf(master, tracks=3)
    with webhook() as receiver, running_notifier(stack, webhook_url=receiver.url) as notifier:
        receiver.status = HTTPStatus.SERVICE_UNAVAILABLE
        master.reprice(shelf.track_ids, "0.79")

        def all_were_refused() -> None:
            assert {body["track_id"] for body in receiver.refused} == set(shelf.track_ids)

        eventually(all_were_refused, within_seconds=60)
        assert notifier.notifications() == []
        receiver.status = HTTPStatus.NO_CONTENT

        def all_were_taken() -> None:
            assert Counter(b["track_id"] for b in receiver.taken) == Counter(shelf.track_ids)

        eventually(all_were_taken, within_seconds=90)
        eventually(lambda: _assert_logged(notifier, len(shelf.track_ids)))


def _assert_logged(notifier: Notifier, count: int) -> None:
    assert len(notifier.notifications()) == count
