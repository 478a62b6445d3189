"""What people are told: reasons, tracebacks and bodies, without private values."""

import logging
import traceback
from typing import Any, Final

from dj_cqrs import conf, wire
from dj_cqrs.dataclasses import TransportPayload
from dj_cqrs.exceptions import ContractError, CQRSError
from dj_cqrs.privacy import fields
from dj_cqrs.privacy.masking import MASK, masked, masked_text

logger = logging.getLogger("django-cqrs")

#: Keys of a message that may hold values of a row.
_WITH_VALUES: Final = ("instance_data", "previous_data", "meta")


def text_of(error: BaseException) -> str:
    """What an error says, even one that cannot say what it is."""
    try:
        return str(error)
    except Exception:  # noqa: BLE001  the text of users' errors is users' code
        return "(it has no text)"


def about(text: str, payload: TransportPayload | None, *data: Any) -> str:
    """A text about a message, without the private values that it brought.

    Args:
        text: what is to be told.
        payload: the message; None: nobody knows, so that all private names count.
        data: more of it, by names of the payload or of the replica's fields.
    """
    if payload is None:
        return masked_text(text, fields.all_names(), data)
    data = (payload.instance_data, payload.previous_data, payload.meta, *data)
    return masked_text(text, fields.names_of(payload.cqrs_id), data)


def about_row(text: str, model: Any, *data: Any) -> str:
    """A text about a row of a model, without the private values that the data has."""
    return masked_text(text, fields.private_names(model), data)


def trace(error: BaseException, payload: TransportPayload | None) -> str:
    """The traceback of an error, without the private values of the message that it is about."""
    return about("".join(traceback.format_exception(error)), payload)


def log_exception(
    text: str,
    *arguments: Any,
    error: BaseException,
    payload: TransportPayload | None,
    level: int = logging.ERROR,
) -> None:
    """Logs an error with its traceback; as it is only where nothing is private."""
    if fields.all_names() if payload is None else fields.names_of(payload.cqrs_id):
        logger.log(level, f"{text}\n%s", *arguments, trace(error, payload).rstrip())  # noqa: G004
    else:
        logger.log(level, text, *arguments, exc_info=error)


def has_private_values(model: Any) -> bool:
    """Whether the model declares any."""
    return bool(fields.private_names(model))


def of_master(error: BaseException, model: Any) -> str:
    """What went wrong with a row of a master: users' code may quote any value of it."""
    if isinstance(error, CQRSError) or not has_private_values(model):
        return text_of(error)
    return f"(not told, since {model.__name__} has private fields)"


def body_text(body: bytes) -> str:
    """A message's body for people's eyes: as it came, or with its private values masked.

    Where nobody can tell which values are private, and some model here has such fields, it is not
    shown.
    """
    if not fields.all_names():
        return body.decode("utf-8", "backslashreplace")
    hidden = (
        f"({len(body)} bytes that cannot be told apart from private values; "
        "cqrs_dead_letters dump prints them)"
    )
    if len(body) > conf.config().max_body_bytes:
        return hidden
    try:
        message = wire.decode(body)
    except ContractError:
        return hidden
    cqrs_id = message.get("cqrs_id") if isinstance(message, dict) else None
    if not isinstance(cqrs_id, str) or not fields.is_known(cqrs_id):
        return hidden
    names = fields.names_of(cqrs_id)
    if not names:
        return body.decode("utf-8", "backslashreplace")
    return wire.encode(_masked_message(message, names)).decode()


def _masked_message(message: dict[str, Any], names: frozenset[str]) -> dict[str, Any]:
    """What is no part of the contract is masked as a whole: there nobody knows the names."""
    known = {"signal_type", "cqrs_id", "instance_pk", "correlation_id", "retries", "expires"}
    return {
        key: masked(value, names) if key in _WITH_VALUES else value if key in known else MASK
        for key, value in message.items()
    }
