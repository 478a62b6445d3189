"""What the master has committed, as its outbox says, and what must hold of it at any time."""

from typing import Any

from dj_cqrs import wire
from dj_cqrs.inbox.models import LedgerEntry
from dj_cqrs.outbox.models import OutboxMessage
from dj_cqrs.replica.message import RawMessage
from tests.app.house_models import GuestCopy, HouseCopy, RoomCopy

#: What each copy says of its row.
COLUMNS: dict[Any, tuple[str, ...]] = {
    HouseCopy: ("id", "name"),
    RoomCopy: ("id", "name", "house"),
    GuestCopy: ("id", "name", "room"),
}

Key = tuple[str, str]


class History:
    """States by row and revision; None is a deletion."""

    def __init__(self) -> None:
        self._states: dict[Key, list[dict[str, Any] | None]] = {}
        self._seen: dict[Key, int] = {}

    def take(self) -> list[RawMessage]:
        """Empties the outbox, as a relay does, and notes what its messages say."""
        rows = list(OutboxMessage.objects.order_by("pk"))
        OutboxMessage.objects.all().delete()
        for row in rows:
            self._note(wire.decode(bytes(row.body)))
        return [RawMessage(bytes(row.body), row.routing_key, row.headers) for row in rows]

    def check(self) -> None:
        """No row goes back, and none shows what its master did not commit at that revision."""
        for cqrs_id, row_pk, revision in LedgerEntry.objects.values_list(
            "cqrs_id", "row_pk", "revision"
        ):
            assert revision >= self._seen.get((cqrs_id, row_pk), -1)
            self._seen[cqrs_id, row_pk] = revision
        for model, names in COLUMNS.items():
            for row in model.objects.values(*names, "cqrs_revision"):
                committed = self._states[model.CQRS_ID, str(row["id"])]
                state = committed[row["cqrs_revision"]]
                assert state is not None
                assert row == {name: state[name] for name in row}

    def check_end(self) -> None:
        """The replica knows the last revision of every row, and whether it is gone."""
        known = {
            (entry.cqrs_id, entry.row_pk): (entry.revision, entry.is_deleted)
            for entry in LedgerEntry.objects.all()
        }
        assert known == {
            key: (len(states) - 1, states[-1] is None) for key, states in self._states.items()
        }

    def _note(self, body: dict[str, Any]) -> None:
        data = body["instance_data"]
        states = self._states.setdefault((body["cqrs_id"], str(body["instance_pk"])), [])
        if body["signal_type"] == "SYNC":
            assert data == states[data["cqrs_revision"]], "one revision, two states"
            assert len(states) == data["cqrs_revision"] + 1, "a sync of the past"
            return
        assert data["cqrs_revision"] == len(states), "a revision grows by one"
        states.append(None if body["signal_type"] == "DELETE" else data)
