"""Rows that somebody picked by hand, to be sent again: what became of each."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction

from dj_cqrs.connections import is_about_connection
from dj_cqrs.master import marking
from dj_cqrs.master.bulk_sync import SyncRequest, sync_rows
from dj_cqrs.master.marks import row_of
from dj_cqrs.privacy import telling

logger = logging.getLogger("django-cqrs")


@dataclass(slots=True)
class SelectionReport:
    """Every picked row is counted or listed once."""

    synced: int = 0
    #: Rows that ``is_sync_instance`` keeps at home.
    withheld: int = 0
    #: Objects whose row is gone or could not be sent; the log says why.
    failed: list[Any] = field(default_factory=list)


def sync_in_bulk(instances: Sequence[Any]) -> SelectionReport:
    """Sends the state of rows; one that fails does not stop the others.

    Args:
        instances: objects of one master model and database.
    """
    if not instances:
        return SelectionReport()
    model, _ = row_of(instances[0])
    using = marking.alias_of(instances[0], None)
    by_pk = {instance.pk: instance for instance in instances}
    outcome = sync_rows(SyncRequest(model, using), list(by_pk))
    report = SelectionReport(outcome.synced)
    for failure in outcome.failures:
        _log(by_pk[failure.pk], failure.error)
        report.failed.append(by_pk.pop(failure.pk))
    if outcome.synced < len(by_pk):
        rows = model._base_manager.using(using).filter(pk__in=list(by_pk))
        existing = set(rows.values_list("pk", flat=True))
        report.failed += [instance for pk, instance in by_pk.items() if pk not in existing]
        report.withheld = len(existing) - outcome.synced
    return report


def sync_one_by_one(instances: Sequence[Any]) -> SelectionReport:
    """The same for a model that has a ``cqrs_sync`` of its own, which knows best."""
    report = SelectionReport()
    for instance in instances:
        using = marking.alias_of(instance, None)
        try:
            with transaction.atomic(using=using):
                is_synced = instance.cqrs_sync()
        except Exception as error:
            if is_about_connection(error, using):
                raise
            _log(instance, error)
            is_synced = False
        if is_synced:
            report.synced += 1
        else:
            report.failed.append(instance)
    return report


def _log(instance: Any, error: Exception) -> None:
    subject = instance.pk, instance.CQRS_ID
    if not telling.has_private_values(type(instance)):
        logger.error("CQRS sync failed: pk = %s (%s).", *subject, exc_info=error)
        return
    kind, told = type(error).__name__, telling.of_master(error, type(instance))
    logger.error("CQRS sync failed: pk = %s (%s). %s: %s", *subject, kind, told)
