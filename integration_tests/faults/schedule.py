"""Which faults strike in which order: pure, and the same for the same seed."""

import random
from collections.abc import Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")


def deal(faults: Sequence[T], rng: random.Random) -> Iterator[T]:
    """Deals faults for ever, each once before any comes again.

    Raises:
        ValueError: there are none.
    """
    if not faults:
        raise ValueError("no faults to deal")
    while True:
        yield from rng.sample(faults, len(faults))
