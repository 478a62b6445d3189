"""Signing what is sent, and judging what comes, by the keys of the settings."""

from collections.abc import Mapping
from typing import Any, Final

from dj_cqrs import conf
from dj_cqrs.constants import REVISIONS_HEADER, SIGNATURE_HEADER
from dj_cqrs.exceptions import ContractError
from dj_cqrs.signing import signature
from dj_cqrs.signing.keys import Keys, parse


class SignatureError(ContractError):
    """Raised when a message is not what somebody with one of our keys has sent."""


#: The settings that were parsed last, and their keys.
_last: tuple[conf.Config, Keys | None] | None = None

#: What a copy of ours must keep of a message's headers, since it is judged by them.
JUDGED_HEADERS: Final = (REVISIONS_HEADER, SIGNATURE_HEADER)


def keys() -> Keys | None:
    """The keys of the settings, or None where nothing is signed.

    Raises:
        ConfigurationError: the setting ``signing`` is wrong.
    """
    global _last  # noqa: PLW0603  one assignment of a whole, so that threads need no lock
    config = conf.config()
    if _last is None or _last[0] is not config:
        _last = (config, None if config.signing is None else parse(config.signing))
    return _last[1]


def signed(headers: Mapping[str, Any], *, routing_key: str, body: bytes) -> dict[str, Any]:
    """The headers of a message of this service, with its signature where there are keys."""
    ours = {name: value for name, value in headers.items() if name != SIGNATURE_HEADER}
    found = keys()
    if found is not None:
        ours[SIGNATURE_HEADER] = signature.header_value(
            found.signing_id,
            found.signing_key,
            routing_key=routing_key,
            headers=ours,
            body=body,
        )
    return ours


def check(headers: Mapping[str, Any], *, routing_key: str, body: bytes) -> None:
    """Judges a message that has come. Where this service has no keys, everything will do.

    Raises:
        SignatureError: it was forged or changed, or is not signed and has to be.
    """
    found = keys()
    if found is None:
        return
    value = headers.get(SIGNATURE_HEADER)
    if value is None:
        if found.required:
            raise SignatureError("It is not signed, and CQRS['signing']['required'] is set here.")
        return
    parts = signature.parsed(value)
    if parts is None:
        raise SignatureError(f"Its header {SIGNATURE_HEADER} is no signature.")
    key_id, digest = parts
    key = found.find(key_id)
    if key is None:
        raise SignatureError(
            f"It is signed with the key {key_id[:64]!r}, which is none of those here: "
            f"{', '.join(found.sources)}."
        )
    if not signature.matches(digest, key, routing_key=routing_key, headers=headers, body=body):
        raise SignatureError(
            f"It was forged, or changed on its way: the signature with the key {key_id!r} "
            "is not that of this body, routing key and revisions header."
        )


def of_copy(
    headers: Mapping[str, Any],
    *,
    of: tuple[Mapping[str, Any], str, bytes],
    routing_key: str,
    body: bytes,
) -> dict[str, Any]:
    """The headers of a copy that this service sends of a message (retried, or a dead letter).

    A copy has another routing key, and often another body, so that it needs a signature of its
    own. It gets one if the message's was good: no service must sign what it does not trust.

    Args:
        headers: those of the copy.
        of: headers, routing key and body of the message.
        routing_key: of the copy.
        body: of the copy.
    """
    their_headers, their_key, their_body = of
    if SIGNATURE_HEADER not in their_headers:
        return dict(headers)
    if keys() is None:
        # Nobody here can tell; without any signature it is at least none that is wrong.
        is_same = (their_key, their_body) == (routing_key, body)
        return {k: v for k, v in headers.items() if is_same or k != SIGNATURE_HEADER}
    try:
        check(their_headers, routing_key=their_key, body=their_body)
    except SignatureError:
        return dict(headers)
    return signed(headers, routing_key=routing_key, body=body)
