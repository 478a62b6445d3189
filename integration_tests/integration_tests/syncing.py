"""Full state on demand, as an operator asks for it."""

from integration_tests.services import Master, Replica
from integration_tests.tables import TABLES


def sync_everything_to(master: Master, replica: Replica) -> None:
    """Send every row of every model to the queue of one replica."""
    options = ("--filter", "{}", "--batch", "50", "--queue", replica.queue)
    master.manage_many(*(("cqrs_sync", "--cqrs-id", table.cqrs_id, *options) for table in TABLES))
