"""What the demo prints for each change: what was asked, what was answered, how long it took."""

import json
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from chinook_demo.rows import Row

#: Items of a list that are shown.
_SHOWN = 3


class Narrator:
    """Prints the steps of the demo, numbered, each the same way."""

    def __init__(self, console: Console) -> None:
        """Takes the console; terminals get colours, files do not."""
        self.console = console
        self._step = 0

    def step(self, title: str) -> None:
        """Begins the next step."""
        self._step += 1
        self._print(Text(f"\n{self._step}  {title}", style="bold"))

    def asked(self, service: str, request: str, body: Row | None = None) -> None:
        """Shows a request: method and address, and the beginning of its body."""
        line = Text(f"  {service:8} ", style="cyan").append(request, style="default")
        if body is not None:
            line.append(f"  {abridged(body)}", style="dim")
        self._print(line)

    def answered(self, text: str) -> None:
        """Shows an answer, under its request."""
        self._print(Text(f"           → {text}"))

    def said(self, text: str) -> None:
        """Shows a remark."""
        self._print(Text(f"  {text}"))

    def followed(self, seconds: float) -> None:
        """Shows how long the replica took."""
        self._print(Text(f"           the replica followed in {duration(seconds)}", style="green"))

    def failed(self, text: str) -> None:
        """Shows what went wrong."""
        self._print(Text(f"  {text}", style="red"))

    def _print(self, text: Text) -> None:
        self.console.print(text, soft_wrap=True)


def duration(seconds: float) -> str:
    """A duration as one says it: 35 ms, 2.5 s."""
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def abridged(body: Row) -> str:
    """A body as JSON, with long lists cut."""
    items = (f"{json.dumps(name)}: {_value(value)}" for name, value in body.items())
    return f"{{{', '.join(items)}}}"


def _value(value: Any) -> str:
    if isinstance(value, Sequence) and not isinstance(value, str) and len(value) > _SHOWN:
        first = ", ".join(map(str, value[:_SHOWN]))
        return f"[{first}, … {len(value)} in all]"
    return json.dumps(value, default=str, ensure_ascii=False)
