"""One message that kills whoever handles it is given up after three of them."""

import psycopg

from integration_tests import databases
from integration_tests.clients import MasterClient
from integration_tests.cuts import Cut, cut
from integration_tests.shelf import unique
from integration_tests.stack import Stack
from local_stack.waiting import eventually

_LEFT_BEHIND = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE NOT granted"
_PARKED = "SELECT status, deaths, reason FROM cqrs_inbox_parkedmessage"
#: What a dead worker had claimed is nobody's for a minute; a living one is done in less than this.
_DUE = """
    UPDATE cqrs_inbox_parkedmessage SET due_at = now()
    WHERE due_at IS NOT NULL AND claimed_at < now() - interval '5 seconds'
"""


def is_dead(url: str) -> bool:
    return [row[0] for row in databases.rows(url, _PARKED)] == ["dead"]


def kill_who_came(stack: Stack, place: Cut) -> None:
    """Kill the workers where one of them has the message in hand, with its session."""
    url = stack.replica.database_url

    def somebody_came() -> None:
        databases.execute(url, _DUE)
        assert place.waiting() > 0 or is_dead(url), "nobody has come so far"

    def nobody_is_left() -> None:
        assert place.waiting() == 0, "the session of a dead worker is still there"

    eventually(somebody_came, within_seconds=60)
    if is_dead(url):
        return  # a worker that was killed on its way here counts as well
    stack.replica.consumer.kill_workers()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(_LEFT_BEHIND)
    eventually(nobody_is_left)


def test_a_message_is_parked_for_good_after_it_killed_three_workers(
    stack: Stack, master: MasterClient
) -> None:
    url = stack.replica.database_url
    with cut(url, "storefront_artist", "INSERT") as place:
        killer = master.create("artists", name=unique("Killer"))
        for _ in range(3):
            kill_who_came(stack, place)

        def it_is_dead() -> None:
            databases.execute(url, _DUE)
            ((status, deaths, reason),) = databases.rows(url, _PARKED)
            assert (status, deaths) == ("dead", 3)
            assert "killed its worker 3 times" in reason

        eventually(it_is_dead, within_seconds=60)
    genre = master.create("genres", name=unique("Genre"))

    def others_are_applied() -> None:
        found = "SELECT count(*) FROM storefront_genre WHERE id = %s"
        assert databases.value(url, found, genre["id"]) == 1

    eventually(others_are_applied, within_seconds=60)
    stack.replica.manage("cqrs_dead_letters", "retry")

    def it_is_applied_as_well() -> None:
        found = "SELECT count(*) FROM storefront_artist WHERE id = %s"
        assert databases.value(url, found, killer["id"]) == 1

    eventually(it_is_applied_as_well, within_seconds=60)
    # Its supervisor waits longer before each new worker; the next test need not.
    stack.replica.consumer.restart()
