"""Copies of a row in a replica's inbox and in its dead letter queue in the broker."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Final

from django.db import router
from django.db.models import Q

from dj_cqrs import conf
from dj_cqrs.management.dead_letters import Selection, broker_keeps_letters
from dj_cqrs.management.dead_letters.letters import content_of
from dj_cqrs.management.erasure import Erased
from dj_cqrs.replica.message import OversizedError, RawMessage, UntrustedError, read
from dj_cqrs.replica.revision import Decision, Incoming, LocalState, advance, decide
from dj_cqrs.transport.base import DeadLetterQueue
from dj_cqrs.transport.selection import transport_class

_NOT_APPLIED: Final = (
    "the newest state that is known here is not applied yet: run this again when the queue is "
    "empty and that message was retried, or with --revision as the master's run says"
)
_BARRED: Final = (
    "a message whose signature or size the settings refuse may be the newest state: mend the "
    "settings and retry it, or purge it with cqrs_dead_letters"
)
_FORMER_VALUES: Final = (
    "a message that waits to be applied says values from before (CQRS_TRACKED_FIELDS): retry it"
)


@dataclass(frozen=True, slots=True)
class Copy:
    """A stored message about the row; ``incoming`` is None where it does not say which state.

    ``is_barred``: it may be read after a change of the settings (a missing key, a limit).
    """

    raw: RawMessage
    incoming: Incoming | None
    is_barred: bool = False

    @property
    def stated_revision(self) -> int | None:
        """The revision that its body claims, whoever wrote it."""
        try:
            return int((content_of(self.raw.body) or {})["instance_data"]["cqrs_revision"])
        except (KeyError, TypeError, ValueError):
            return None


@dataclass(frozen=True, slots=True)
class Erasure:
    """What is meant: the row, and the revision below which everything is needless."""

    model: Any
    selection: Selection
    below: int | None
    is_dry_run: bool

    def run(self) -> Iterator[Erased]:
        """Removes needless copies, one place after the other.

        Raises:
            TransportError: the broker cannot be reached; the inboxes are done.
        """
        state = self._state()
        for using in _inboxes():
            yield self._erase_from_inbox(using, state)
        if broker_keeps_letters() and conf.config().queue:
            with closing(transport_class().dead_letters()) as queue:
                yield self._erase_from_broker(queue, state)

    def _state(self) -> LocalState | None:
        """What this replica has applied of the row."""
        if self.model.CQRS_NO_DB_OPERATIONS or not conf.inbox_is_installed():
            return None
        from dj_cqrs.replica import ledger

        row_pk = str(self.selection.row_pk)
        return ledger.known(self.model, [row_pk], router.db_for_write(self.model)).get(row_pk)

    def _erase_from_inbox(self, using: str, state: LocalState | None) -> Erased:
        from dj_cqrs.inbox.models import ParkedMessage

        report = Erased(f"inbox of database {using!r}")
        rows = ParkedMessage.objects.using(using).order_by("pk")
        meant = Q(cqrs_id=self.model.CQRS_ID, row_pk=self.selection.row_pk)
        parked = [
            row
            for row in rows.filter(meant | Q(row_pk=None)).iterator(500)
            if row.row_pk is not None or self._is_about_row(bytes(row.body), report)
        ]
        copies = [_copy(RawMessage.from_parked(row)) for row in parked]
        pks = [parked[position].pk for position in self._needless(copies, state, report)]
        report.removed = len(pks)
        if pks and not self.is_dry_run:
            ParkedMessage.objects.using(using).filter(pk__in=pks).delete()
        return report

    def _erase_from_broker(self, queue: DeadLetterQueue, state: LocalState | None) -> Erased:
        report = Erased(f"queue {conf.config().replica.dead_letter_queue}")
        copies = [
            _copy(RawMessage.from_delivery(delivery))
            for delivery in queue.browse()
            if self._is_about_row(delivery.body, report)
        ]
        bodies = {copies[each].raw.body for each in self._needless(copies, state, report)}
        report.removed = sum(copy.raw.body in bodies for copy in copies)
        if bodies and not self.is_dry_run:
            report.removed = sum(1 for _ in queue.take(lambda each: bytes(each.body) in bodies))
        return report

    def _is_about_row(self, body: bytes, report: Erased) -> bool:
        """Whether the body says so; one that says nothing is told of if it may be."""
        content = content_of(body)
        if content is not None and "cqrs_id" in content and "instance_pk" in content:
            return self.selection.matches(body)
        if str(self.selection.pk).encode() in body:
            report.unfinished.append(
                "a message that does not say whose it is may be about the row: look at it with "
                "cqrs_dead_letters dump, and purge it"
            )
        return False

    def _needless(
        self, copies: Sequence[Copy], state: LocalState | None, report: Erased
    ) -> list[int]:
        """Positions of copies that are needless; the others are told of."""
        positions = []
        for position, copy in enumerate(copies):
            incoming = copy.incoming
            if copy.is_barred and not self._is_below(copy.stated_revision):
                report.kept.append("what the settings do not let be read")
                report.unfinished.append(_BARRED)
                continue
            # One that does not even say which state it is can never be applied.
            if incoming is None or self._is_needless(incoming, copies, state):
                positions.append(position)
                continue
            report.kept.append(f"{incoming.signal_type} at revision {incoming.revision}")
            if self.below is None:
                report.unfinished.append(_NOT_APPLIED)
            elif (content_of(copy.raw.body) or {}).get("previous_data"):
                report.unfinished.append(_FORMER_VALUES)
        return positions

    def _is_below(self, revision: int | None) -> bool:
        return self.below is not None and revision is not None and revision < self.below

    def _is_needless(
        self, incoming: Incoming, copies: Sequence[Copy], state: LocalState | None
    ) -> bool:
        if self._is_below(incoming.revision):
            return True
        if state is not None and decide(state, incoming) is not Decision.APPLY:
            return True
        others = (other.incoming for other in copies if other.incoming is not None)
        return any(decide(advance(None, other), incoming) is Decision.STALE for other in others)


def _copy(raw: RawMessage) -> Copy:
    try:
        return Copy(raw, read(raw).incoming())
    except (UntrustedError, OversizedError):
        return Copy(raw, None, is_barred=True)
    except Exception:  # noqa: BLE001  whatever is in it, or a user's function raises
        return Copy(raw, None)


def _inboxes() -> list[str]:
    if not conf.inbox_is_installed():
        return []
    from dj_cqrs.replica.batch import aliases

    return aliases()
