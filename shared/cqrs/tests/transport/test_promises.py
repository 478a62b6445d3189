"""The table in docs/transports.md is what the suite found."""

import re
from pathlib import Path

import pytest

from tests.transport import (
    test_kombu_conformance,
    test_memory_conformance,
    test_rabbit_mq_conformance,
)
from tests.transport.conformance import Promises, TransportConformance

PAGE = (Path(__file__).parents[4] / "docs" / "transports.md").read_text()
ROWS = re.findall(r"^\| `(\w+)`: .*? \| (.*) \|$", PAGE, re.MULTILINE)
COLUMNS: list[type[TransportConformance]] = [
    test_rabbit_mq_conformance.TestRabbitMQ,
    test_kombu_conformance.TestKombuOnAMQP,
    test_kombu_conformance.TestKombuOnRedis,
    test_kombu_conformance.TestKombuOnAFilesystem,
    test_memory_conformance.TestMemory,
]


def test_every_promise_has_a_row() -> None:
    assert [name for name, _ in ROWS] == Promises.names()


@pytest.mark.parametrize("name", Promises.names())
def test_cells_are_what_the_suite_found(name: str) -> None:
    cells = [cell.split()[0] for cell in dict(ROWS)[name].split(" | ")]

    assert cells == ["yes" if one.promises.makes(name) else "no" for one in COLUMNS]
