"""Full state on demand, as an operator asks for it."""

from concurrent.futures import ThreadPoolExecutor

from integration_tests.services import Master, Replica
from integration_tests.tables import TABLES


def sync_everything_to(master: Master, replica: Replica) -> None:
    """Send every row of every model to the queue of one replica."""

    def sync(cqrs_id: str) -> str:
        return master.manage(
            *("cqrs_sync", "--cqrs-id", cqrs_id, "--filter", "{}", "--batch", "50"),
            *("--queue", replica.queue),
        )

    with ThreadPoolExecutor(max_workers=2) as pool:
        list(pool.map(sync, [table.cqrs_id for table in TABLES]))
