"""The body of a payload that is to be sent, and what of it no replica would read."""

from dj_cqrs import conf, wire
from dj_cqrs.dataclasses import TransportPayload
from dj_cqrs.exceptions import ContractError


def encode(payload: TransportPayload) -> bytes:
    """Encodes a payload.

    Raises:
        ContractError: it holds a value that JSON has no form for, or is too large.
    """
    body = wire.encode(payload.to_dict())
    limit = conf.config().max_body_bytes
    if len(body) > limit:
        raise ContractError(
            f"The message of pk = {payload.pk} ({payload.cqrs_id}) has {len(body)} bytes, and "
            f"CQRS['max_body_bytes'] is {limit}: send less of the row, or raise the limit here, "
            "on every replica, and on the broker."
        )
    return body
