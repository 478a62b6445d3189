"""What a fault is."""

import random
from collections.abc import Callable
from dataclasses import dataclass

from faults.site import Load, Site


class NotHereError(Exception):
    """Raised by a fault that a site has no target for; the message says what is missing."""


@dataclass(frozen=True, slots=True)
class Strike:
    """One stroke of a fault: where, under which load, with which chances."""

    site: Site
    load: Load
    rng: random.Random

    def seconds(self, shortest: float, longest: float) -> float:
        """A random time."""
        return self.rng.uniform(shortest, longest)


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that goes wrong on purpose.

    Attributes:
        name: as it is asked for and shown.
        group: what it hits: processes, steps, broker, network, databases, messages, places.
        strike: does it, and puts right again what a supervisor or an operator would.
        forgets: it makes a server forget what it had confirmed; no library can prevent that, so
            the rows are compared after the documented repair.
        disturbs_writers: writes may fail meanwhile; else none may.
        is_alone: it starts and stops processes in a way of its own; no other fault strikes beside.
    """

    name: str
    group: str
    strike: Callable[[Strike], None]
    forgets: bool = False
    disturbs_writers: bool = False
    is_alone: bool = False

    def __str__(self) -> str:
        return self.name
