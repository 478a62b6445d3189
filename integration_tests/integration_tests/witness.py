"""Watches a replica: what it shows must have been true on the master, and in order.

The master's history is written by a trigger, so that it holds every state that was committed. A
replica that ever shows another one has invented it; one that goes back in revision has lost one.
"""

import threading
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import psycopg

from integration_tests import databases

_INTERVAL_SECONDS = 0.02
_HISTORY = """
    CREATE TABLE witness_history AS
        SELECT {columns}, 0 AS number, 0::bigint AS transaction, false AS is_gone FROM {table};
    CREATE SEQUENCE witness_numbers;
    CREATE FUNCTION witness_record() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        subject {table}%ROWTYPE := CASE TG_OP WHEN 'DELETE' THEN old ELSE new END;
    BEGIN
        INSERT INTO witness_history
        SELECT {columns}, nextval('witness_numbers'), pg_current_xact_id()::text::bigint,
            TG_OP = 'DELETE'
        FROM (SELECT subject.*) changed;
        RETURN NULL;
    END $$;
    CREATE TRIGGER witness AFTER INSERT OR UPDATE OR DELETE ON {table}
        FOR EACH ROW EXECUTE FUNCTION witness_record();
"""
_FORGET = """
    DROP TRIGGER witness ON {table};
    DROP FUNCTION witness_record;
    DROP TABLE witness_history;
    DROP SEQUENCE witness_numbers;
"""
_COMMITTED = "SELECT {columns} FROM witness_history"
#: Of each transaction the last state of a row counts; a row that comes back starts anew.
_GAPS = """
    WITH states AS (
        SELECT DISTINCT ON ({key}, transaction) {key}, transaction, {revision}, number, is_gone
        FROM witness_history ORDER BY {key}, transaction, number DESC
    ), steps AS (
        SELECT {key}, {revision}, lag({revision}) OVER row_states AS before,
            is_gone, lag(is_gone) OVER row_states AS was_gone
        FROM states WINDOW row_states AS (PARTITION BY {key} ORDER BY number)
    )
    SELECT {key}, before, {revision} FROM steps
    WHERE NOT is_gone AND NOT was_gone AND {revision} <> before + 1
"""

State = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class WatchedTable:
    """A table and its copy; of the columns the first is the key, the second the revision."""

    on_master: str
    master_columns: str
    on_replica: str
    replica_columns: str
    #: Whether new rows have higher keys: those of before, which are many, are then left out.
    keys_grow: bool = True

    def words(self) -> dict[str, str]:
        """What the statements on the master are filled in with."""
        key, revision, *_ = self.master_columns.split(", ")
        return {
            "table": self.on_master,
            "columns": self.master_columns,
            "key": key,
            "revision": revision,
        }

    def shown(self, replica_url: str) -> str:
        """The query of what the replica shows from now on."""
        query = f"SELECT {self.replica_columns} FROM {self.on_replica}"
        if not self.keys_grow:
            return query
        key = self.replica_columns.split(", ")[0]
        newest = databases.value(
            replica_url, f"SELECT coalesce(max({key}), 0) FROM {self.on_replica}"
        )
        return f"{query} WHERE {key} > {newest}"


TRACKS = WatchedTable(
    *("catalogue_track", "id, cqrs_revision, name, unit_price"),
    *("storefront_track", "id, cqrs_revision, name, unit_price"),
)


@dataclass
class Findings:
    """What a witness has seen; empty lists are good news."""

    #: States that were committed on the master.
    committed: int = 0
    #: How often the replica was looked at.
    samples: int = 0
    #: States that the replica showed and the master never had.
    invented: list[State] = field(default_factory=list)
    #: Rows that went to a lower revision.
    went_back: list[str] = field(default_factory=list)
    #: Rows that were gone and came back at a revision that had been seen before.
    resurrected: list[str] = field(default_factory=list)
    #: Changes on the master whose revision did not grow by exactly one.
    gaps: list[State] = field(default_factory=list)

    def check(self) -> None:
        """Fail if anything is wrong."""
        assert not self.went_back, f"went back in revision: {self.went_back}"
        assert not self.resurrected, f"came back after they were deleted: {self.resurrected}"
        assert not self.invented, f"never committed on the master: {self.invented[:5]}"
        assert not self.gaps, f"revisions that did not grow by one: {self.gaps[:5]}"


class Witness:
    """Samples a table of the replica in a thread of its own, throughout a block.

    At the end of the block `findings` are complete; if they are to be `believed`, bad ones fail.
    """

    def __init__(
        self,
        master_url: str,
        replica_url: str,
        table: WatchedTable = TRACKS,
        *,
        believed: bool = True,
    ) -> None:
        self._master_url = master_url
        self._replica_url = replica_url
        self._table = table
        self._shown = ""
        self._believed = believed
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._lock = threading.Lock()
        self._before: set[State] = set()
        self._seen: set[State] = set()
        self._committed: set[State] = set()
        self._revisions: dict[Any, int] = {}
        self._present: set[Any] = set()
        self.findings = Findings()

    @property
    def samples(self) -> int:
        """How often it has looked."""
        return self.findings.samples

    def _watch(self) -> None:
        while not self._stopped.is_set():
            with (
                suppress(psycopg.Error),  # the database may be the fault of the test
                psycopg.connect(
                    self._replica_url, autocommit=True, connect_timeout=5
                ) as connection,
            ):
                while not self._stopped.wait(_INTERVAL_SECONDS):
                    shown = connection.execute(self._shown.encode()).fetchall()
                    self._note(shown)
            self._stopped.wait(_INTERVAL_SECONDS)

    def _note(self, shown: list[State]) -> None:
        with self._lock:
            self.findings.samples += 1
            self._seen.update(shown)
            for pk, revision, *_ in shown:
                known = self._revisions.get(pk, -1)
                if revision < known:
                    self.findings.went_back.append(f"{pk}: {known} to {revision}")
                elif pk not in self._present and pk in self._revisions and revision == known:
                    self.findings.resurrected.append(f"{pk} at {revision}")
                self._revisions[pk] = revision
            self._present = {row[0] for row in shown}

    def replica_was_restored(self) -> None:
        """Somebody has put an old state of the replica in place; what it shows starts anew."""
        with self._lock:
            self._revisions.clear()
            self._present.clear()

    def master_is_restored(self) -> None:
        """The master's history is about to be replaced by an older one: remember it."""
        columns = self._table.master_columns
        rows = databases.rows(self._master_url, _COMMITTED.format(columns=columns))
        self._committed.update(rows)

    def __enter__(self) -> Self:
        databases.execute(self._master_url, _HISTORY.format(**self._table.words()))
        self._shown = self._table.shown(self._replica_url)
        self._before = set(databases.rows(self._replica_url, self._shown))
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
        self.master_is_restored()
        words = self._table.words()
        self.findings.gaps = databases.rows(self._master_url, _GAPS.format(**words))
        databases.execute(self._master_url, _FORGET.format(**words))
        self.findings.committed = len(self._committed)
        self.findings.invented = sorted(self._seen - self._committed)
        if error is None and self._believed:
            assert self._seen - self._before, "no change was ever seen"
            self.findings.check()
