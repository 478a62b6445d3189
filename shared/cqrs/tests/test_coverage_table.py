"""docs/reference/coverage.md lists every public name, command, setting and pitfall with its tests.

A name that is new must get a row, and a test that is renamed or gone must be replaced there.
"""

import ast
import functools
import importlib
import inspect
import pkgutil
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dj_cqrs import conf, constants, exceptions
from dj_cqrs.management import commands

_TESTS = Path(__file__).parent
_REPOSITORY = Path(__file__).parents[3]
_PAGE = _REPOSITORY / "docs" / "reference" / "coverage.md"
_SETTINGS_PAGE = _REPOSITORY / "docs" / "reference" / "settings.md"
#: Pages beside the table that name tests, as `test_file.py::test_function`.
_OTHER_PAGES = {"migrating-from-django-cqrs.md": "interoperability/tests"}

_MODULES = (
    "admin",
    "correlation",
    "dataclasses",
    "delay",
    "health",
    "managers",
    "metas",
    "mixins",
    "registries",
    "signals",
    "state",
    "testing",
    "tracker",
    "transport",
    "utils",
)
_PITFALLS = 36


def _rows() -> dict[str, tuple[str, ...]]:
    rows: dict[str, tuple[str, ...]] = {}
    for line in _PAGE.read_text().splitlines():
        if found := re.fullmatch(r"\| `([^`]+)` \| (.*) \|", line):
            name, tests = found.groups()
            assert name not in rows, f"{name} has two rows"
            rows[name] = tuple(re.findall(r"`([^`]+)`", tests))
    return rows


ROWS = _rows()


@functools.cache
def _functions(file: Path) -> frozenset[str]:
    tree = ast.parse(file.read_text())
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def _is_there(test: str, directory: Path) -> bool:
    path, _, function = test.partition("::")
    file = (_REPOSITORY if path.startswith("interoperability/") else directory) / path
    return file.is_file() and function.startswith("test_") and function in _functions(file)


def _resolved(name: str) -> Any:
    """The object of a dotted name: the longest module, then attributes."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        try:
            module = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        first, *others = parts[length:] or ["__name__"]
        # A manager of an abstract model is there, although it does not like to be asked.
        return functools.reduce(inspect.getattr_static, others, getattr(module, first))
    raise ModuleNotFoundError(name)


def _public_names() -> Iterator[frozenset[str]]:
    """Each public name, by all of its paths: a member of two classes needs one row."""
    for name in _MODULES:
        module = importlib.import_module(f"dj_cqrs.{name}")
        for public in module.__all__:
            yield frozenset({f"dj_cqrs.{name}.{public}"})
    for name in vars(constants):
        if name.isupper():
            yield frozenset({f"dj_cqrs.constants.{name}"})
    for member in constants.SignalType:
        yield frozenset({f"dj_cqrs.constants.SignalType.{member.name}"})
    for name, value in vars(exceptions).items():
        if inspect.isclass(value):
            yield frozenset({f"dj_cqrs.exceptions.{name}"})
    yield from _members()


def _members() -> Iterator[frozenset[str]]:
    """What the classes of the API offer, whichever class of ours it comes from."""
    paths: defaultdict[tuple[type, str], set[str]] = defaultdict(set)
    for name in _MODULES:
        module = importlib.import_module(f"dj_cqrs.{name}")
        for public in module.__all__:
            cls = getattr(module, public)
            # Not so ``current_transport``, which only says that it is a class.
            if issubclass(type(cls), type) and not issubclass(cls, Exception):
                for definer, member in _defined(cls):
                    paths[definer, member].add(f"dj_cqrs.{name}.{public}.{member}")
    return (frozenset(alternatives) for alternatives in paths.values())


def _defined(cls: type) -> Iterator[tuple[type, str]]:
    """(class of ours that defines it, name) of each public attribute."""
    for member in dir(cls):
        if member.startswith(("_", "get_next_by_", "get_previous_by_")) or member == "Meta":
            continue
        definer = next((base for base in cls.__mro__ if member in vars(base)), None)
        if definer is not None and definer.__module__.startswith("dj_cqrs"):
            yield definer, member


def _pitfall(number: int) -> str:
    return f"W{number}"


def test_every_public_name_has_a_row() -> None:
    assert [sorted(paths) for paths in _public_names() if not paths & ROWS.keys()] == []


def test_every_command_has_a_row() -> None:
    names = {module.name for module in pkgutil.iter_modules(commands.__path__)}

    assert sorted(names - ROWS.keys()) == []


def test_every_setting_has_a_row() -> None:
    cells = re.findall(r"^\| (`.*?) \| ", _SETTINGS_PAGE.read_text(), re.MULTILINE)
    settings = {name for cell in cells for name in re.findall(r"`([^`]+)`", cell)}
    numbers = {f"{number.section}.{name}" for name, number in conf.NUMBERS.items()}

    assert sorted((settings | numbers) - ROWS.keys()) == []
    assert sorted(numbers - settings) == []


@pytest.mark.parametrize("number", range(1, _PITFALLS + 1), ids=_pitfall)
def test_every_pitfall_has_a_row_of_tests_named_after_it(number: int) -> None:
    tests = ROWS[_pitfall(number)]

    assert tests
    assert all(f"::test_w{number}_" in test for test in tests)


def test_every_name_of_the_table_exists() -> None:
    for name in ROWS:
        if name.startswith("dj_cqrs."):
            _resolved(name)


def test_every_row_names_tests_that_exist() -> None:
    assert [name for name, tests in ROWS.items() if not tests] == []
    named = {(name, test) for name, tests in ROWS.items() for test in tests}
    assert sorted(row for row in named if not _is_there(row[1], _TESTS)) == []


@pytest.mark.parametrize(("page", "directory"), _OTHER_PAGES.items(), ids=_OTHER_PAGES)
def test_other_pages_name_tests_that_exist(page: str, directory: str) -> None:
    text = (_REPOSITORY / "docs" / page).read_text()
    tests = re.findall(r"`(test_\w+\.py::test_\w+)`", text)

    assert tests
    assert [test for test in tests if not _is_there(test, _REPOSITORY / directory)] == []
