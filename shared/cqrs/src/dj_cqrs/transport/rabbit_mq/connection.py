"""pika's connection, made to survive messages whose properties it cannot read."""

import logging
import struct
from typing import Any, Final

import pika
from pika import frame, spec
from pika.exceptions import InvalidFieldTypeException

logger = logging.getLogger("django-cqrs")

_HEADER_FRAME: Final = struct.Struct(">BHLHHQ")
#: What pika's decoder raises on a timestamp after the year 9999, a NaN in a header, and the like.
_UNREADABLE: Final = (
    InvalidFieldTypeException,
    OSError,
    OverflowError,
    RecursionError,
    ValueError,
    struct.error,
)


class TolerantConnection(pika.SelectConnection):  # type: ignore[misc]
    """Takes a message with unreadable properties as one that has none.

    Such an error would otherwise end the connection, the broker would deliver the message again,
    and one message of a stranger would keep every worker from working.
    """

    def _read_frame(self) -> tuple[int, Any]:
        try:
            read: tuple[int, Any] = super()._read_frame()
        except _UNREADABLE as error:
            header = _bare_header(self._frame_buffer)
            if header is None:
                raise
            logger.warning("CQRS message with unreadable properties: %r", error)
            return header
        return read


def _bare_header(data: bytes) -> tuple[int, frame.Header] | None:
    """The content header at the start of the data, without its properties."""
    kind, channel_number, size, _class_id, _weight, body_size = _HEADER_FRAME.unpack_from(data)
    if kind != spec.FRAME_HEADER:
        return None
    length = spec.FRAME_HEADER_SIZE + size + spec.FRAME_END_SIZE
    return length, frame.Header(channel_number, body_size, pika.BasicProperties())
