"""``CQRS['signing']``: which keys there are, which one signs, and whether all must be signed.

Pure: knows neither Django nor a broker.
"""

import logging
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from dj_cqrs.exceptions import ConfigurationError

logger = logging.getLogger("django-cqrs")

#: HMAC-SHA256 is as strong as its key is long, up to that.
MIN_KEY_BYTES: Final = 32
_KNOWN: Final = frozenset({"keys", "key", "required"})
_KEY_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_HOW: Final = 'make one with python -c "import secrets; print(secrets.token_urlsafe(32))"'


class KeySource(Protocol):
    """Where a key is."""

    def read(self) -> bytes:
        """The key, as it is now.

        Raises:
            ConfigurationError: there is none that is long enough.
        """


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of a service.

    Attributes:
        signing_id: id of the key that signs what this service sends.
        sources: every key by its id; each of them is good enough for what comes.
        required: whether a message without a signature is refused.
    """

    signing_id: str
    sources: Mapping[str, KeySource]
    required: bool

    def find(self, key_id: str) -> bytes | None:
        """The key with that id, or None."""
        source = self.sources.get(key_id)
        return None if source is None else source.read()

    @property
    def signing_key(self) -> bytes:
        """The key that signs."""
        return self.sources[self.signing_id].read()


def parse(raw: Any) -> Keys:
    """Reads the setting, keys and all.

    Raises:
        ConfigurationError: says what to change; never what a key is.
    """
    if not isinstance(raw, Mapping):
        raise ConfigurationError("CQRS signing configuration must be dict.")
    if unknown := set(raw) - _KNOWN:
        raise ConfigurationError(
            f"CQRS signing has unknown settings: {', '.join(sorted(map(str, unknown)))}; "
            f"known: {', '.join(sorted(_KNOWN))}."
        )
    keys, key_id = raw.get("keys"), raw.get("key")
    if isinstance(keys, str):
        keys = _listed(keys)
        key_id = next(iter(keys)) if key_id is None else key_id
    sources = _sources(keys)
    required = raw.get("required", False)
    if not isinstance(required, bool):
        raise ConfigurationError(f"CQRS signing required must be bool, not {required!r}.")
    return Keys(_signing_id(key_id, sources), sources, required)


def _listed(text: str) -> dict[str, str]:
    """Keys as they come from an environment variable: ``id:key,id:key``; the first one signs."""
    keys: dict[str, str] = {}
    for number, word in enumerate(text.split(","), start=1):
        key_id, colon, key = word.strip().partition(":")
        if not colon:
            raise ConfigurationError(
                f"CQRS signing keys: number {number} must be an id, a colon, and a key."
            )
        if key_id in keys:
            raise ConfigurationError(f"CQRS signing keys: there are two keys {key_id!r}.")
        keys[key_id] = key
    return keys


def _signing_id(key_id: Any, sources: Mapping[str, KeySource]) -> str:
    if key_id is None and len(sources) == 1:
        return next(iter(sources))
    if key_id is None:
        raise ConfigurationError(
            f"CQRS signing has several keys ({', '.join(sources)}): say by 'key' which one signs."
        )
    if key_id not in sources:
        raise ConfigurationError(
            f"CQRS signing key {key_id!r} is none of its keys: {', '.join(sources)}."
        )
    return str(key_id)


def _sources(raw: Any) -> dict[str, KeySource]:
    if not isinstance(raw, Mapping) or not raw:
        raise ConfigurationError(
            "CQRS signing keys must be a dict of at least one key (its id, and a text or "
            "{'file': path}), or a text: id:key,id:key."
        )
    sources = {}
    for key_id, value in raw.items():
        if not (isinstance(key_id, str) and _KEY_ID.fullmatch(key_id)):
            raise ConfigurationError(
                f"CQRS signing key id {key_id!r} must be 1 to 64 letters, digits, '.', '_', '-'."
            )
        sources[key_id] = _source(key_id, value)
        sources[key_id].read()
    return sources


def _source(key_id: str, value: Any) -> KeySource:
    if isinstance(value, str):
        return _Text(key_id, value.encode())
    if isinstance(value, Mapping) and set(value) == {"file"}:
        return _File(key_id, Path(value["file"]))
    raise ConfigurationError(f"CQRS signing key {key_id!r} must be text or {{'file': path}}.")


def _long_enough(key_id: str, key: bytes) -> bytes:
    if len(key) < MIN_KEY_BYTES:
        raise ConfigurationError(
            f"CQRS signing key {key_id!r} has {len(key)} bytes; it needs at least "
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
