"""``CQRS['signing']``: which keys there are, which one signs, and whether all must be signed.

Pure: knows neither Django nor a broker.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from dj_cqrs.exceptions import ConfigurationError
from dj_cqrs.signing.sources import KeySource, shown, source

_KNOWN: Final = frozenset({"keys", "key", "required"})
_KEY_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")


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
            raise ConfigurationError(f"CQRS signing keys: there are two keys {shown(key_id)}.")
        keys[key_id] = key
    return keys


def _signing_id(key_id: Any, sources: Mapping[str, KeySource]) -> str:
    if key_id is None and len(sources) == 1:
        return next(iter(sources))
    if key_id is None:
        raise ConfigurationError(
            f"CQRS signing has several keys ({', '.join(sources)}): say by 'key' which one signs."
        )
    if not isinstance(key_id, str) or key_id not in sources:
        raise ConfigurationError(
            f"CQRS signing key {key_id!r} is none of its keys: {', '.join(sources)}."
        )
    return key_id


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
                f"CQRS signing key id {shown(str(key_id))} must be "
                "1 to 64 letters, digits, '.', '_', '-'."
            )
        sources[key_id] = source(key_id, value)
        sources[key_id].read()
    return sources
