"""What the log says of messages that come twice, too late, or after a gap. Texts of the contract.

A direct save calls them errors, as django-cqrs does. To a worker they are everyday things: the
broker delivers again, workers overtake each other, and the decision was the right one.
"""

import logging

logger = logging.getLogger("django-cqrs")


def stale(level: int, pk: object, revision: int, existing: int, cqrs_id: str) -> None:
    """A save is older than the row."""
    logger.log(
        level,
        "Wrong CQRS sync order: pk = %s, cqrs_revision = new %s / existing %s (%s).",
        *(pk, revision, existing, cqrs_id),
    )


def duplicate(level: int, pk: object, revision: int, cqrs_id: str) -> None:
    """A save is the one that the row has."""
    logger.log(
        level,
        "Received duplicate CQRS data: pk = %s, cqrs_revision = %s (%s).",
        *(pk, revision, cqrs_id),
    )
    if revision == 0:
        logger.log(
            min(level, logging.WARNING),
            "CQRS potential creation race condition: pk = %s (%s).",
            *(pk, cqrs_id),
        )


def gap(pk: object, revision: int, existing: int, cqrs_id: str) -> None:
    """Revisions between the row's and the save's never came; says nothing if there are none."""
    missing = revision - existing - 1
    if missing > 0:
        logger.warning(
            "Lost or filtered out %s CQRS packages: pk = %s, cqrs_revision = %s (%s)",
            *(missing, pk, revision, cqrs_id),
        )


def downgrade(pk: object, revision: int, existing: int, cqrs_id: str) -> None:
    """A sync that takes the row back to an older revision; only direct saves do that."""
    logger.warning(
        "CQRS revision downgrade on sync: pk = %s, cqrs_revision = new %s / existing %s (%s).",
        *(pk, revision, existing, cqrs_id),
    )
