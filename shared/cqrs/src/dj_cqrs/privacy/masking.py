"""Taking private values out of data and of text. Pure: knows neither Django nor a model.

Where it is not certain that a word is one of the values, it is taken out: less to read is better
than one value too many.
"""

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, Final

from dj_cqrs.wire import WireNumber

MASK: Final = "***"

#: A shorter value is looked for as a word of its own: "a" is part of nearly every sentence.
_SHORTEST_PART: Final = 4
#: Databases cut long values short: so much of one is enough to know it by.
_TELLING_PART: Final = 16

#: PostgreSQL: "Key (email)=(x) already exists."
_KEY: Final = re.compile(
    r"Key \((?P<columns>.*?)\)=\((?P<values>.*?)\)"
    r"(?= (?:already exists|is duplicated|conflicts|is not present|is still)|\.?$)",
    re.DOTALL | re.MULTILINE,
)
#: What databases say of values without the name of their column.
_NAMELESS: Final = (
    re.compile(r"(Failing row contains \().*(?=\)\.?)", re.DOTALL),
    re.compile(r"(Duplicate entry ').*?(?=' for key)", re.DOTALL),
    re.compile(r"(Incorrect \w+ value: ').*?(?=' for)", re.DOTALL),
    re.compile(r"(invalid input (?:syntax|value) for [^:\n]*: \").*?(?=\"(?:\n|\)|$))", re.DOTALL),
    re.compile(r"(parameter \$\d+ = ).*"),
    re.compile(r"(cannot hold )(?!\*\*\*).*?(?=: )", re.DOTALL),
)


def masked(data: Any, names: Collection[str]) -> Any:
    """A copy of data in which the values under these keys are masked, however deep they are."""
    if isinstance(data, Mapping):
        return {
            key: MASK if key in names and value is not None else masked(value, names)
            for key, value in data.items()
        }
    if isinstance(data, list | tuple):
        return [masked(value, names) for value in data]
    return data


def masked_text(text: str, names: Collection[str], data: Iterable[Any] = ()) -> str:
    """The text without private values.

    Args:
        text: what somebody is to be told.
        names: keys and columns with private values.
        data: where such values are found under these keys.
    """
    if not names:
        return text
    for value in sorted(set(_forms_in(data, names)), key=len, reverse=True):
        text = _without(text, value)
    for pattern in _NAMELESS:
        text = pattern.sub(rf"\g<1>{MASK}", text)
    words = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, names))})(?!\w)", re.IGNORECASE)

    def without_values(found: re.Match[str]) -> str:
        columns = found["columns"]
        return f"Key ({columns})=({MASK})" if words.search(columns) else found[0]

    return _KEY.sub(without_values, text)


def _without(text: str, value: str) -> str:
    if len(value) < _SHORTEST_PART:
        return re.sub(rf"(?<!\w){re.escape(value)}(?!\w)", MASK, text)
    beginning, rest = value[:_TELLING_PART], value[_TELLING_PART:]
    pattern = re.compile(re.escape(beginning), re.IGNORECASE)
    parts, end = [], 0
    while found := pattern.search(text, end):
        parts += [text[end : found.start()], MASK]
        end = found.end() + _common(text[found.end() :][: len(rest)], rest)
    return "".join([*parts, text[end:]])


def _common(text: str, value: str) -> int:
    """How long the texts are the same."""
    pairs = enumerate(zip(text.casefold(), value.casefold(), strict=False))
    return next((number for number, (a, b) in pairs if a != b), min(len(text), len(value)))


def _forms_in(data: Any, names: Collection[str]) -> Iterator[str]:
    """Every form in which a private value may stand in a text."""
    if isinstance(data, Mapping):
        for key, value in data.items():
            yield from _forms(value) if key in names else _forms_in(value, names)
    elif isinstance(data, list | tuple):
        for value in data:
            yield from _forms_in(value, names)


def _forms(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping | list | tuple):
        for each in value.values() if isinstance(value, Mapping) else value:
            yield from _forms(each)
    elif isinstance(value, WireNumber):
        yield from (value.text, repr(float(value)))
    elif isinstance(value, str):
        yield from filter(None, (value, repr(value)[1:-1], json.dumps(value)[1:-1]))
    elif value is not None and not isinstance(value, bool):
        yield str(value)
