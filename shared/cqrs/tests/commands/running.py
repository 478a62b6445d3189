"""Running a command as people do, and meddling while it runs."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connections
from django.test import modify_settings

from dj_cqrs import transport
from dj_cqrs.transport.direct import DirectProducer
from dj_cqrs.transport.memory import MemoryTransport


def run(*arguments: str, **options: Any) -> str:
    """What a command prints to standard output."""
    output = StringIO()
    call_command(*arguments, stdout=output, **options)
    return output.getvalue()


def run_failing(*arguments: str, **options: Any) -> tuple[str, str]:
    """What a command prints to standard output, and the error that it ends with."""
    output = StringIO()
    with pytest.raises(CommandError) as error:
        call_command(*arguments, stdout=output, **options)
    return output.getvalue(), str(error.value)


class Meddling(StringIO):
    """An output that lets something happen after each batch, when the progress is written."""

    def __init__(self, meddle: Callable[[], Any]) -> None:
        super().__init__()
        self._meddle = meddle

    def write(self, text: str) -> int:
        if " processed - " in text:
            self._meddle()
        return super().write(text)


def in_another_connection(action: Callable[[], Any]) -> None:
    """Does something as another process would; returns when it is committed."""

    def target() -> None:
        try:
            action()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        pool.submit(target).result()


class DirectTransport(MemoryTransport):
    """The memory broker in direct mode, as the transports of real brokers do it."""

    produce = DirectProducer(MemoryTransport.publisher).produce


@contextmanager
def direct_mode(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Without an outbox: messages go to the memory broker right after the commit."""
    monkeypatch.setattr(transport, "current_transport", DirectTransport)
    with modify_settings(INSTALLED_APPS={"remove": ["dj_cqrs.outbox"]}):
        yield
