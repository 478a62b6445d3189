"""What docs/operations.md tells an operator to run for rows that differ, step by step."""

from collections.abc import Iterable
from typing import Protocol


class Manageable(Protocol):
    """A service whose management commands can be run."""

    def manage(self, *arguments: str, stdin: str = "") -> str:
        """Run one to its end and return what it printed."""


def repair(master: Manageable, replica: Manageable, cqrs_ids: Iterable[str]) -> None:
    """Send again what differs, and remove what the master no longer has."""
    for cqrs_id in cqrs_ids:
        mine = master.manage("cqrs_diff_master", f"--cqrs-id={cqrs_id}")
        differing = replica.manage("cqrs_diff_replica", "--revisions", stdin=mine)
        master.manage("cqrs_diff_sync", stdin=differing)
        held = replica.manage("cqrs_deleted_diff_replica", f"--cqrs-id={cqrs_id}", "--revisions")
        gone = master.manage("cqrs_deleted_diff_master", stdin=held)
        replica.manage("cqrs_deleted_sync_replica", stdin=gone)
