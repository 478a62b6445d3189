"""A writer that goes on while processes around it are exchanged."""

import random
import threading
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from interoperability.driver import Driver
from local_stack.waiting import eventually

_CHUNK = 6
_DELETE_EVERY = 4
_END_SECONDS = 60


class Writer(threading.Thread):
    """Writes brands through one driver: creates, updates, and deletes; no key is used twice.

    A key that is used again starts at revision 0 on django-cqrs; with workers of both libraries on
    one queue, nobody could then tell the new row from the old one.
    """

    def __init__(self, driver: Driver, numbers: Sequence[int], seed: int) -> None:
        super().__init__(name="writer", daemon=True)
        self._driver = driver
        self._random = random.Random(seed)
        self._numbers = list(numbers)
        self._stopped = threading.Event()
        #: Rounds of writes that are committed.
        self.rounds = 0
        #: What went wrong, to be raised where somebody looks.
        self.error: BaseException | None = None

    @property
    def numbers(self) -> list[int]:
        """Those that are not deleted; read it when the writer has ended."""
        return self._numbers

    def run(self) -> None:
        """Write until told to stop."""
        try:
            while not self._stopped.is_set():
                self._write()
                self.rounds += 1
        except BaseException as error:  # noqa: BLE001  another thread shows it
            self.error = error

    def _write(self) -> None:
        chosen = self._random.sample(self._numbers, _CHUNK)
        self._driver.perform("write_brands", numbers=chosen, text=f"round {self.rounds}")
        if self.rounds % _DELETE_EVERY == 1:
            gone = chosen[0]
            self._driver.perform("delete_brands", numbers=[gone])
            self._numbers.remove(gone)

    def wait_for_rounds(self, count: int) -> None:
        """Wait until so many more rounds are committed."""
        wanted = self.rounds + count

        def check() -> None:
            if self.error:
                raise self.error
            assert self.rounds >= wanted, f"{self.rounds} of {wanted} rounds"

        eventually(check, within_seconds=_END_SECONDS, retry_on=AssertionError)

    def stop(self) -> None:
        """End after the round in hand."""
        self._stopped.set()
        self.join(_END_SECONDS)
        if self.error:
            raise self.error

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
