"""The examples of ``docs/testing.md``: each block of Python is a test module, run as it stands."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from tests.app import master_models, replica_models

PAGE = Path(__file__).resolve().parents[3] / "docs" / "testing.md"

#: The services of the page: their models are those of the library's tests.
SERVICES = {"catalogue": master_models.Author, "storefront": replica_models.AuthorCopy}


def _install(service: str, author: Any) -> None:
    """Makes ``from <service>.models import Author`` work."""
    package = ModuleType(service)
    models = ModuleType(f"{service}.models")
    vars(models)["Author"] = author
    vars(package)["models"] = models
    sys.modules |= {service: package, f"{service}.models": models}


def _examples(page: str) -> Iterator[str]:
    """The blocks without a title, each on the lines that it has on the page."""
    for block in re.finditer(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL):
        yield "\n" * page[: block.start(1)].count("\n") + block[1]


def _tests() -> Iterator[tuple[str, Any]]:
    for example in _examples(PAGE.read_text(encoding="utf-8")):
        namespace: dict[str, Any] = {"__name__": __name__}
        exec(compile(example, PAGE, "exec"), namespace)
        marks = namespace.get("pytestmark")
        for name, value in namespace.items():
            if getattr(value, "__module__", None) != __name__:
                continue
            if marks is not None and name.startswith("test_"):
                value = marks(value)  # noqa: PLW2901
            yield name, value


for _service, _author in SERVICES.items():
    _install(_service, _author)

_found = list(_tests())
globals().update(_found)


def test_every_example_is_run() -> None:
    names = [name for name, _ in _found]

    assert len(names) == len(set(names))
    assert len([name for name in names if name.startswith("test_")]) >= 10
