"""A shop in this process, and a run of the demo against it."""

import io
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from fake_shop import SETTINGS, FakeShop
from rich.console import Console

from chinook_demo.catalogue import Catalogue, read_catalogue
from chinook_demo.shop import Shop, open_shop
from chinook_demo.story import tell


@pytest.fixture
def fake() -> FakeShop:
    return FakeShop()


@pytest.fixture
def shop(fake: FakeShop) -> Iterator[Shop]:
    """Clients of the fake; without patience, since it follows at once or never."""
    with open_shop(SETTINGS, fake.transport, notifier_log=lambda: fake.log) as shop:
        yield replace(shop, patience_seconds=0)


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    return read_catalogue()


@pytest.fixture
def run(shop: Shop, catalogue: Catalogue) -> Callable[[], tuple[bool, str]]:
    """Runs the demo; returns its verdict and what it printed."""

    def run_demo() -> tuple[bool, str]:
        output = io.StringIO()
        is_equal = tell(shop, Console(file=output, width=100, highlight=False), catalogue)
        return is_equal, output.getvalue()

    return run_demo
