"""Everything that goes wrong on purpose."""

from collections.abc import Sequence

from faults.catalogue.broker import broker_faults
from faults.catalogue.cluster import cluster_faults
from faults.catalogue.databases import database_faults
from faults.catalogue.fault import Fault, NotHereError, Strike
from faults.catalogue.messages import message_faults
from faults.catalogue.network import network_faults
from faults.catalogue.places import place_faults
from faults.catalogue.processes import process_faults
from faults.catalogue.steps import step_faults

__all__ = ["CATALOGUE", "Fault", "NotHereError", "Strike", "choose"]

CATALOGUE: Sequence[Fault] = (
    *process_faults(),
    *step_faults(),
    *broker_faults(),
    *cluster_faults(),
    *network_faults(),
    *database_faults(),
    *message_faults(),
    *place_faults(),
)


def choose(words: Sequence[str]) -> list[Fault]:
    """The faults whose name or group is named, or begins so; all for no words at all.

    Raises:
        ValueError: a word fits none; the message lists what there is.
    """
    chosen: list[Fault] = []
    for word in words:
        found = [fault for fault in CATALOGUE if word in {fault.group, fault.name}]
        found = found or [fault for fault in CATALOGUE if fault.name.startswith(word)]
        if not found:
            raise ValueError(f"no fault {word!r}; there are: {_listed()}")
        chosen += [fault for fault in found if fault not in chosen]
    return chosen if words else list(CATALOGUE)


def _listed() -> str:
    groups: dict[str, list[str]] = {}
    for fault in CATALOGUE:
        groups.setdefault(fault.group, []).append(fault.name)
    return "; ".join(f"{group} ({', '.join(names)})" for group, names in groups.items())
