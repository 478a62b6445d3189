"""Watches a replica during a test: what it shows must have been true on the master, and in order.

The master's history is written by a trigger, so that it holds every state that was committed. A
replica that ever shows another one has invented it; one that goes back in revision has lost one.
"""

import threading
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

import psycopg

from integration_tests import databases

_INTERVAL_SECONDS = 0.02
_HISTORY = """
    CREATE TABLE witness_history AS
        SELECT id, cqrs_revision, name, unit_price FROM catalogue_track;
    CREATE FUNCTION witness_record() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO witness_history
        VALUES (new.id, new.cqrs_revision, new.name, new.unit_price);
        RETURN NULL;
    END $$;
    CREATE TRIGGER witness AFTER INSERT OR UPDATE ON catalogue_track
        FOR EACH ROW EXECUTE FUNCTION witness_record();
"""
_FORGET = """
    DROP TRIGGER witness ON catalogue_track;
    DROP FUNCTION witness_record;
    DROP TABLE witness_history;
"""
#: Tracks that were there before are left alone by a `Writer`; there are many of them.
_NEWEST = "SELECT coalesce(max(id), 0) FROM catalogue_track"
_SHOWN = "SELECT id, cqrs_revision, name, unit_price FROM storefront_track WHERE id > %s"

State = tuple[Any, ...]


class Witness:
    """Samples the replica's new tracks in a thread of its own, throughout a block."""

    def __init__(self, master_url: str, replica_url: str) -> None:
        self._master_url = master_url
        self._replica_url = replica_url
        self._newest = 0
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._seen: set[State] = set()
        self._revisions: dict[int, int] = {}
        self._went_back: list[str] = []
        #: How often it has looked.
        self.samples = 0

    def _watch(self) -> None:
        while not self._stopped.is_set():
            with (
                suppress(psycopg.OperationalError),  # the database may be the fault of the test
                psycopg.connect(
                    self._replica_url, autocommit=True, connect_timeout=5
                ) as connection,
            ):
                while not self._stopped.wait(_INTERVAL_SECONDS):
                    self._note(connection.execute(_SHOWN, [self._newest]).fetchall())
            self._stopped.wait(_INTERVAL_SECONDS)

    def _note(self, shown: list[State]) -> None:
        self.samples += 1
        self._seen.update(shown)
        for pk, revision, *_ in shown:
            if revision < self._revisions.get(pk, 0):
                self._went_back.append(f"{pk}: {self._revisions[pk]} to {revision}")
            self._revisions[pk] = revision

    def __enter__(self) -> Self:
        databases.execute(self._master_url, _HISTORY)
        self._newest = databases.value(self._master_url, _NEWEST)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stopped.set()
        self._thread.join()
        committed = set(databases.rows(self._master_url, "SELECT * FROM witness_history"))
        databases.execute(self._master_url, _FORGET)
        if error is None:
            assert self._seen, "no track was ever seen"
            assert not self._went_back, f"went back in revision: {self._went_back}"
            invented = self._seen - committed
            assert not invented, f"never committed on the master: {sorted(invented)[:5]}"
