"""Load: threads that change and sell through the API for as long as a test needs them."""

import random
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

import httpx

from integration_tests.clients import Item, MasterClient
from integration_tests.shelf import create_customer, fill_shelf, unique
from local_stack.waiting import eventually

_PROGRESS_SECONDS = 90
#: Between two requests of a thread: the load must leave room for what the test is about.
_PAUSE_SECONDS = 0.02
_TRACKS = 20
_STOCK = 5
_FEWEST_TRACKS = 10
_MOST_TRACKS = 60


class _Clerk:
    """One client that makes one random change after the other, each to rows of its own shelf."""

    def __init__(self, url: str, seed: int, count: Callable[[bool], None]) -> None:
        self._master = MasterClient(url)
        self._random = random.Random(seed)
        self._count = count
        self._furnish()
        self._has_new_world = threading.Event()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)
        #: An answer that no fault explains; it has stopped then.
        self.error: Exception | None = None

    def _furnish(self) -> None:
        """Rows of its own to begin with."""
        self._shelf = fill_shelf(self._master, tracks=_TRACKS)
        #: What was sold is not deleted any more, so it is not what is deleted here.
        self._stock = self._shelf.track_ids[:_STOCK]
        self._tracks = self._shelf.track_ids[_STOCK:]
        self._customer = create_customer(self._master)["id"]
        self._drafts: list[int] = []
        self._paid: list[int] = []

    def start(self) -> None:
        """Write in a thread of its own."""
        self._thread.start()

    def forget_rows(self) -> None:
        """Take new rows, since those of before may be gone or other ones now."""
        self._has_new_world.set()

    def stop(self) -> None:
        """End it after the request in hand."""
        self._stopped.set()

    def join(self) -> None:
        """Wait for its end."""
        self._thread.join()

    def _work(self) -> None:
        with self._master:
            while not self._stopped.is_set():
                try:
                    if self._has_new_world.is_set():
                        self._furnish()
                        self._has_new_world.clear()
                    self._change_something()
                except httpx.TransportError:  # the server was killed; who knows what it has done
                    self._count(False)
                except httpx.HTTPStatusError as error:
                    if not self._is_expected(error.response.status_code):
                        self.error = error
                        return
                    self._count(False)
                else:
                    self._count(True)
                self._stopped.wait(_PAUSE_SECONDS)

    def _is_expected(self, status: int) -> bool:
        """No database, a row whose deletion was not answered, or another world than before."""
        return (
            status >= httpx.codes.INTERNAL_SERVER_ERROR
            or status == httpx.codes.NOT_FOUND
            or self._has_new_world.is_set()
        )

    def _change_something(self) -> None:
        changes = [self._rename, self._rename_artist, self._reprice, self._reprice_many]
        changes += [self._draft, self._sell]
        if self._drafts:
            changes += [self._pay, self._drop_draft]
        if self._paid:
            changes.append(self._cancel)
        if len(self._tracks) > _FEWEST_TRACKS:
            changes.append(self._delete)
        if len(self._tracks) < _MOST_TRACKS:
            changes += [self._create, self._create, self._create_many]
        self._random.choice(changes)()

    def _some_track(self) -> int:
        return self._random.choice(self._tracks)

    def _price(self) -> str:
        return f"{self._random.randint(0, 500) / 100:.2f}"

    def _rename(self) -> None:
        self._master.update("tracks", self._some_track(), name=unique("Track"))

    def _reprice(self) -> None:
        self._master.update("tracks", self._some_track(), unit_price=self._price())

    def _reprice_many(self) -> None:
        self._master.reprice(self._random.sample(self._tracks, k=5), self._price())

    def _rename_artist(self) -> None:
        self._master.update("artists", self._shelf.artist["id"], name=unique("Artist"))

    def _new_track(self) -> dict[str, object]:
        return {
            "name": unique("Track"),
            "album": self._shelf.album["id"],
            "media_type": self._shelf.media_type["id"],
            "unit_price": self._price(),
        }

    def _create(self) -> None:
        self._tracks.append(self._master.create("tracks", **self._new_track())["id"])

    def _create_many(self) -> None:
        items = [self._new_track() for _ in range(10)]
        self._tracks += [row["id"] for row in self._master.bulk_create("tracks", items)]

    def _draft(self) -> None:
        self._drafts.append(self._invoice()["id"])

    def _sell(self) -> None:
        self._paid.append(self._invoice(status="paid")["id"])

    def _invoice(self, **fields: object) -> Item:
        bought = self._random.sample(self._stock, k=self._random.randint(1, len(self._stock)))
        lines = [{"track": key, "quantity": self._random.randint(1, 9)} for key in bought]
        return self._master.create("invoices", customer=self._customer, lines=lines, **fields)

    def _pay(self) -> None:
        invoice_id = self._take(self._drafts)
        self._master.settle("pay", invoice_id)
        self._paid.append(invoice_id)

    def _cancel(self) -> None:
        self._master.settle("cancel", self._take(self._paid))

    def _drop_draft(self) -> None:
        self._master.delete("invoices", self._take(self._drafts))

    def _take(self, keys: list[int]) -> int:
        """One of the keys, which is nobody's any more: who knows how its request ends."""
        return keys.pop(self._random.randrange(len(keys)))

    def _delete(self) -> None:
        track_id = self._some_track()
        self._tracks.remove(track_id)
        self._master.delete("tracks", track_id)


class Writer:
    """Several threads of load, and how far they have come.

    Used as a context manager; at its end, an answer that no fault explains is raised.
    """

    def __init__(self, url: str, rng: random.Random, *, threads: int = 2) -> None:
        self._lock = threading.Lock()
        #: Requests that were answered with success.
        self.writes = 0
        #: Requests that were not answered, or with an error of the server.
        self.failures = 0
        self._clerks = [_Clerk(url, rng.getrandbits(64), self._count) for _ in range(threads)]

    def _count(self, success: bool) -> None:
        with self._lock:
            if success:
                self.writes += 1
            else:
                self.failures += 1

    def wait_for_writes(self, count: int) -> None:
        """Wait until so many more requests have succeeded."""
        wanted = self.writes + count

        def is_reached() -> None:
            self._raise_error()
            assert self.writes >= wanted, f"{self.writes} of {wanted} writes"

        eventually(is_reached, within_seconds=_PROGRESS_SECONDS, retry_on=AssertionError)

    def forget_rows(self) -> None:
        """Tell all threads that rows they know may be gone: the master was restored."""
        for clerk in self._clerks:
            clerk.forget_rows()

    def _raise_error(self) -> None:
        for clerk in self._clerks:
            if clerk.error is not None:
                raise clerk.error

    def __enter__(self) -> Self:
        for clerk in self._clerks:
            clerk.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for clerk in self._clerks:
            clerk.stop()
        for clerk in self._clerks:
            clerk.join()
        if error is None:
            self._raise_error()
