"""A directory: Kombu's files and bindings; what is taken stays there, in the taker's own place.

Kombu itself removes a file before it hands the message over, and writes files that others see half
written. Here a file appears complete, and a consumer moves what it takes into a directory that it
has locked: when the process dies, the lock goes with it, and the others put the files back.
"""

import contextlib
import fcntl
import itertools
import json
import os
import re
import time
import uuid
from collections import deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Final

from kombu.transport.virtual.exchange import TopicExchange

from dj_cqrs.exceptions import ConfigurationError, TransportError
from dj_cqrs.transport.kombu.address import Address
from dj_cqrs.transport.kombu.mailbox import Held

#: Seconds between two looks for what dead consumers held.
RECOVERY_SECONDS: Final = 1.0

#: When it is due (milliseconds), what tells it from others, and how often a consumer died over it.
_NAME: Final = re.compile(r"(?P<due>\d+)_(?P<rest>[^.~]*)(~(?P<count>\d+))?\.(?P<queue>.*)\.msg")
_sequence = itertools.count()


class FilesystemMailbox:
    """A ``Mailbox``."""

    def __init__(self, address: Address) -> None:
        """Makes the directories that are missing.

        Raises:
            TransportError: that is not possible.
        """
        self._where = address.where
        self._in = Path(address.options["data_folder_in"])
        self._out = Path(address.options["data_folder_out"])
        self._control = Path(address.options["control_folder"])
        self._unacked = self._control / "unacked"
        self._mine: Path | None = None
        self._lock: IO[bytes] | None = None
        self._listed: dict[str, deque[str]] = {}
        self._next_recovery_at = 0.0
        self._last_ms = 0
        with self._errors():
            for directory in (self._in, self._out, self._unacked):
                directory.mkdir(parents=True, exist_ok=True)

    def bind(self, exchange: str, queue: str, routing_key: str) -> None:
        """Notes it in Kombu's table of the exchange."""
        _check_name(queue)
        pattern = TopicExchange(None).key_to_pattern(routing_key)
        with self._table(exchange) as table:
            if [routing_key, pattern, queue] not in table:
                table.insert(0, [routing_key, pattern, queue])

    def unbind(self, exchange: str, queue: str, routing_key: str) -> None:
        """Removes it from Kombu's table of the exchange."""
        with self._table(exchange) as table:
            table[:] = [row for row in table if (row[0], row[2]) != (routing_key, queue)]

    def routes(self, exchange: str, routing_keys: Collection[str]) -> Mapping[str, Sequence[str]]:
        """Reads the table once."""
        with self._table(exchange) as table:
            rows = [(re.compile(pattern), queue) for _, pattern, queue in table]
        return {
            key: sorted({queue for pattern, queue in rows if pattern.match(key)})
            for key in set(routing_keys)
        }

    def put(self, envelopes: Sequence[tuple[str, bytes]]) -> None:
        """Writes each to the disk, then shows all of them, in order."""
        self._write(envelopes, self._now_ms())

    def put_later(self, queue: str, raw: bytes, delay_seconds: float) -> None:
        """A file whose name says a later time is left alone until then."""
        self._write([(queue, raw)], int((time.time() + delay_seconds) * 1000) + 1)

    def take(self, queue: str, max_messages: int) -> list[Held]:
        """Moves files into the directory of this consumer."""
        with self._errors():
            mine = self._own_directory()
            self._recover()
            taken: list[Held] = []
            for name in self._names(queue):
                if len(taken) == max_messages:
                    self._listed[queue].appendleft(name)
                    break
                with contextlib.suppress(FileNotFoundError):  # another consumer was faster
                    (self._in / name).rename(mine / name)
                    count = _parts(name)["count"]
                    redeliveries = None if count is None else int(count)
                    taken.append(Held(name, (mine / name).read_bytes(), redeliveries))
            return taken

    def remove(self, queue: str, tokens: Sequence[str]) -> None:  # noqa: ARG002
        """Removes the files."""
        with self._errors():
            mine = self._own_directory()
            for name in tokens:
                (mine / name).unlink(missing_ok=True)

    def give_back(self, queue: str, tokens: Sequence[str]) -> None:  # noqa: ARG002
        """Moves the files back."""
        with self._errors():
            for name in tokens:
                self._move_back(self._own_directory() / name, deaths=0)

    def size(self, queue: str) -> int:
        """Counts the files."""
        with self._errors():
            return sum(_parts(name)["queue"] == queue for name in os.listdir(self._in))  # noqa: PTH208 (names, fast)

    def close(self) -> None:
        """Gives up the directory of this consumer; what is in it goes back."""
        if self._mine is None or self._lock is None:
            return
        with contextlib.suppress(OSError):
            self._return_all(self._mine, deaths=0)
        self._lock.close()
        self._mine = self._lock = None

    def _now_ms(self) -> int:
        self._last_ms = max(self._last_ms, int(time.time() * 1000))
        return self._last_ms

    def _write(self, envelopes: Sequence[tuple[str, bytes]], due_ms: int) -> None:
        with self._errors():
            ready = []
            for queue, raw in envelopes:
                _check_name(queue)
                name = f"{due_ms:013d}_{next(_sequence):012d}{uuid.uuid4().hex}.{queue}.msg"
                hidden = self._out / f".{name}.new"
                with hidden.open("wb") as file:
                    file.write(raw)
                    file.flush()
                    os.fsync(file.fileno())
                ready.append((hidden, self._out / name))
            for hidden, shown in ready:
                hidden.rename(shown)
            if ready:
                _sync(self._out)

    def _names(self, queue: str) -> Iterator[str]:
        """What is due, from the last listing of the directory as long as that has some."""
        if not self._listed.get(queue):
            now = int(time.time() * 1000)
            found = ((_parts(name), name) for name in os.listdir(self._in))  # noqa: PTH208 (names, fast)
            due = [
                (int(parts["due"] or 0), name)
                for parts, name in found
                if parts["queue"] == queue and int(parts["due"] or 0) <= now
            ]
            self._listed[queue] = deque(name for _, name in sorted(due))
        names = self._listed[queue]
        while names:
            yield names.popleft()

    def _own_directory(self) -> Path:
        """Each consumer has one; it is nobody's without the lock beside it."""
        while self._mine is None:
            mine = self._unacked / uuid.uuid4().hex
            lock = mine.with_suffix(".lock").open("wb")
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not mine.with_suffix(".lock").exists():
                lock.close()  # another consumer took it for a dead one's before it was locked
                continue
            mine.mkdir()
            self._mine, self._lock = mine, lock
        return self._mine

    def _recover(self) -> None:
        """Puts back what dead consumers held."""
        if time.monotonic() < self._next_recovery_at:
            return
        self._next_recovery_at = time.monotonic() + RECOVERY_SECONDS
        for path in self._unacked.glob("*.lock"):
            if self._mine is not None and path.stem == self._mine.name:
                continue
            with contextlib.suppress(FileNotFoundError, BlockingIOError), path.open("rb") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if path.exists():
                    self._return_all(path.with_suffix(""), deaths=1)

    def _return_all(self, directory: Path, *, deaths: int) -> None:
        if directory.is_dir():
            for path in directory.iterdir():
                self._move_back(path, deaths=deaths)
            directory.rmdir()
        directory.with_suffix(".lock").unlink(missing_ok=True)
        self._listed.clear()

    def _move_back(self, path: Path, *, deaths: int) -> None:
        parts = _parts(path.name)
        count = int(parts["count"] or 0) + deaths
        path.rename(self._in / f"{parts['due']}_{parts['rest']}~{count}.{parts['queue']}.msg")
        self._listed.clear()

    @contextlib.contextmanager
    def _table(self, exchange: str) -> Iterator[list[list[str]]]:
        """Kombu's table of an exchange, locked as Kombu locks it, and never empty in between."""
        _check_name(exchange)
        with self._errors():
            descriptor = os.open(
                self._control / f"{exchange}.exchange", os.O_RDWR | os.O_CREAT, 0o644
            )
            with os.fdopen(descriptor, "r+b", buffering=0) as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                before = file.read()
                table: list[list[str]] = json.loads(before or b"[]")
                yield table
                after = json.dumps(table).encode()
                if after != before:
                    file.seek(0)
                    file.write(after)
                    file.truncate()

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError) as error:
            text = f"{type(error).__name__}: {error}"
            raise TransportError(f"The broker at {self._where}: {text}") from error


def _parts(name: str) -> Mapping[str, str | None]:
    found = _NAME.fullmatch(name)
    return found.groupdict() if found else {"due": None, "count": None, "queue": None}


def _check_name(name: str) -> None:
    if "/" in name or "\0" in name:
        raise ConfigurationError(f"CQRS name {name!r} must not hold a slash: it names a file.")


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
