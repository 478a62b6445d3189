"""Parked messages and dead letters that something newer has overtaken.

They can never be applied any more, so nobody needs them; but they say what a row was, perhaps of
somebody who has been deleted since. So they go, with what overtakes them.
"""

import logging
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import timedelta
from functools import partial
from typing import Any, Final

from django.db import connections, router, transaction

from dj_cqrs.inbox.models import LedgerEntry, ParkedMessage
from dj_cqrs.registries import ReplicaRegistry
from dj_cqrs.replica import ledger
from dj_cqrs.replica.message import RawMessage, read
from dj_cqrs.replica.outcome import Outcome, Result
from dj_cqrs.replica.revision import Decision, LocalState, decide

logger = logging.getLogger("django-cqrs")

_PAGE_SIZE: Final = 500
#: No transaction is open for longer between its look at a key and its COMMIT.
_LONGEST_TRANSACTION: Final = timedelta(hours=1)

Keys = Mapping[Any, Collection[str]]


def changed_keys(results: Iterable[Result]) -> Keys:
    """By model: the keys for which something newer was applied."""
    keys: dict[Any, set[str]] = {}
    for result in results:
        if result.outcome is Outcome.APPLIED and result.message is not None:
            keys.setdefault(result.message.model, set()).add(result.message.row_pk)
    return keys


def drop(keys: Keys, using: str) -> None:
    """Drops what is parked about keys and can no longer be applied.

    Within the transaction that changed them and holds their locks, after its own failures were
    parked. One statement where nothing is parked about them.
    """
    row_pks = [row_pk for keys_of_model in keys.values() for row_pk in keys_of_model]
    if not row_pks:
        return
    parked = ParkedMessage.objects.using(using).filter(
        cqrs_id__in=[model.CQRS_ID for model in keys], row_pk__in=row_pks
    )
    by_model: dict[str, list[ParkedMessage]] = {}
    for message in parked.order_by("pk"):
        by_model.setdefault(str(message.cqrs_id), []).append(message)
    for model, keys_of_model in keys.items():
        messages = [
            message
            for message in by_model.get(model.CQRS_ID, ())
            if message.row_pk in keys_of_model
        ]
        if messages:
            states = ledger.lock(model, {str(message.row_pk) for message in messages}, using)
            _delete(_overtaken(messages, states), using)


def sweep(using: str) -> Iterator[None]:
    """Drops all overtaken messages of one inbox, a page between two yields.

    What ``drop`` cannot see: letters from before it was here, those that another worker commits
    in the very moment in which they are overtaken, and those in another database than their row.
    """
    rows = ParkedMessage.objects.using(using).filter(cqrs_id__in=list(ReplicaRegistry.models))
    rows = rows.exclude(row_pk=None).order_by("pk")
    page = list(rows.values_list("pk", "cqrs_id", "row_pk", "parked_at")[:_PAGE_SIZE])
    while page:
        by_model: dict[str, dict[int, tuple[str, Any]]] = {}
        for pk, cqrs_id, row_pk, parked_at in page:
            by_model.setdefault(str(cqrs_id), {})[pk] = str(row_pk), parked_at
        for cqrs_id, keys in by_model.items():
            _sweep_model(ReplicaRegistry.models.get(cqrs_id), keys, using)
        yield
        page = list(
            rows.filter(pk__gt=page[-1][0]).values_list("pk", "cqrs_id", "row_pk", "parked_at")[
                :_PAGE_SIZE
            ]
        )


def is_overtaken(body: RawMessage, state: LocalState | None) -> bool:
    """Whether a message, judged now, would change nothing. What cannot be judged is not."""
    if state is None:
        return False
    try:
        incoming = read(body).incoming()
    except Exception:  # noqa: BLE001  whatever is in it, or a user's function raises
        return False
    return decide(state, incoming) is not Decision.APPLY


def _sweep_model(model: Any, keys: Mapping[int, tuple[str, Any]], using: str) -> None:
    if model is None or model.CQRS_NO_DB_OPERATIONS:
        return
    own = router.db_for_write(model)
    row_pks = {row_pk for row_pk, _ in keys.values()}
    entries = LedgerEntry.objects.using(own).filter(cqrs_id=model.CQRS_ID, row_pk__in=row_pks)
    changed_at = dict(entries.values_list("row_pk", "changed_at"))
    pks = [
        pk
        for pk, (row_pk, parked_at) in keys.items()
        if row_pk in changed_at and changed_at[row_pk] > parked_at - _LONGEST_TRANSACTION
    ]
    if not pks:
        return
    # States only ever go up, so nobody needs to be kept from changing them meanwhile.
    states = ledger.known(model, row_pks, own)
    with transaction.atomic(using=using):
        messages = ParkedMessage.objects.using(using).filter(pk__in=pks).order_by("pk")
        if connections[using].features.has_select_for_update_skip_locked:
            messages = messages.select_for_update(skip_locked=True)
        _delete(_overtaken(messages, states), using)


def _overtaken(
    messages: Iterable[ParkedMessage], states: Mapping[str, LocalState | None]
) -> list[ParkedMessage]:
    return [
        message
        for message in messages
        if is_overtaken(RawMessage.from_parked(message), states.get(str(message.row_pk)))
    ]


def _delete(messages: list[ParkedMessage], using: str) -> None:
    if not messages:
        return
    rows = ParkedMessage.objects.using(using).filter(pk__in=[message.pk for message in messages])
    rows.delete()
    transaction.on_commit(partial(_tell, messages), using=using, robust=True)


def _tell(messages: list[ParkedMessage]) -> None:
    for message in messages:
        logger.info(
            "CQRS is overtaken: pk = %s (%s); it was %s and is removed from the inbox.",
            *(message.row_pk, message.cqrs_id, message.status),
        )
