"""Where a key is: in the settings, or in a file.

Pure: knows neither Django nor a broker.
"""

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Protocol

from dj_cqrs.exceptions import ConfigurationError

logger = logging.getLogger("django-cqrs")

#: HMAC-SHA256 is as strong as its key is long, up to that.
MIN_KEY_BYTES: Final = 32
#: Characters of an id that a mistake shows.
_SHOWN: Final = 16
_HOW: Final = 'make one with python -c "import secrets; print(secrets.token_urlsafe(32))"'


class KeySource(Protocol):
    """Where a key is."""

    def read(self) -> bytes:
        """The key, as it is now.

        Raises:
            ConfigurationError: there is none that is long enough.
        """


def source(key_id: str, value: Any) -> KeySource:
    """Where the setting says that a key is.

    Raises:
        ConfigurationError: it says nothing of the kind.
    """
    if isinstance(value, str):
        return _Text(key_id, value.encode())
    if isinstance(value, Mapping) and set(value) == {"file"}:
        return _File(key_id, Path(value["file"]))
    raise ConfigurationError(f"CQRS signing key {key_id!r} must be text or {{'file': path}}.")


def shown(key_id: str) -> str:
    """An id for people; cut short, since somebody may have written the key in its place."""
    return repr(key_id if len(key_id) <= _SHOWN else f"{key_id[:_SHOWN]}…")


def _long_enough(key_id: str, key: bytes) -> bytes:
    if len(key) < MIN_KEY_BYTES:
        raise ConfigurationError(
            f"CQRS signing key {shown(key_id)} has {len(key)} bytes; it needs at least "
            f"{MIN_KEY_BYTES}: {_HOW}."
        )
    return key


class _Text:
    """A key in the settings."""

    def __init__(self, key_id: str, key: bytes) -> None:
        self._key_id = key_id
        self._key = key

    def read(self) -> bytes:
        return _long_enough(self._key_id, self._key)


class _File:
    """A key in a file, white space around it left out; read again when the file changes."""

    def __init__(self, key_id: str, path: Path) -> None:
        self._key_id = key_id
        self._path = path
        #: What tells one content of the file from the next, and the key that it held.
        self._last: tuple[object, bytes] | None = None
        self._failed_at: object = None

    def read(self) -> bytes:
        """The key; the last good one while the file is gone or being written."""
        try:
            stamp = self._stamp()
            if self._last is None or self._last[0] != stamp:
                key = _long_enough(self._key_id, self._path.read_bytes().strip())
                self._last = (stamp, key)
        except OSError as error:
            return self._last_good(error.strerror or str(error))
        except ConfigurationError as error:
            return self._last_good(str(error))
        return self._last[1]

    def _stamp(self) -> object:
        status = os.stat(self._path)  # noqa: PTH116  (many times a second)
        return status.st_mtime_ns, status.st_size, status.st_ino

    def _last_good(self, reason: str) -> bytes:
        if self._last is None:
            raise ConfigurationError(
                f"CQRS signing key {self._key_id!r} cannot be read from {self._path}: {reason}"
            )
        if self._failed_at != self._last[0]:  # once, not with every message
            self._failed_at = self._last[0]
            logger.error(
                "CQRS signing key %r: %s: %s; the one read before is used on.",
                *(self._key_id, self._path, reason),
            )
        return self._last[1]
