"""The third service: what it has announced of the prices that fell."""

import json
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from chinook_demo.following import NotYetError
from chinook_demo.narrator import Narrator
from chinook_demo.settings import Settings
from chinook_demo.shop import Shop
from local_stack.stack import commands

Announcement = dict[str, Any]


def notifier_log(settings: Settings, root: Path) -> Callable[[], str] | None:
    """A way to the notifier's log of the stack that runs in this checkout, if one does."""
    if not settings.is_local or commands.log_of(root, "notifier") is None:
        return None
    return lambda: commands.log_of(root, "notifier") or ""


def announcements(log: str) -> dict[str, Announcement]:
    """The announcements in the notifier's log, by their ids: its lines of JSON."""
    lines = (json.loads(line) for line in log.splitlines() if line.startswith("{"))
    return {line["id"]: line for line in lines}


def show_price_drops(
    shop: Shop, narrator: Narrator, *, cheaper: Collection[int], known: Collection[str]
) -> None:
    """Waits until the notifier has announced every track that became cheaper, and shows one.

    Args:
        shop: All services.
        narrator: Prints what happens.
        cheaper: Keys of the tracks.
        known: Ids of what was announced before.
    """
    narrator.step("The notifier: a third service, without a database")
    if shop.notifier_log is None:
        narrator.said("its log is not here, since the stack runs somewhere else")
        return
    log: Callable[[], str] = shop.notifier_log

    def look() -> list[Announcement]:
        new = [line for key, line in announcements(log()).items() if key not in known]
        missing = set(cheaper) - {line["track_id"] for line in new}
        if missing:
            raise NotYetError(f"{len(missing)} of {len(cheaper)} price drops are not announced")
        return new

    followed = shop.follow(look)
    narrator.said(f"{len(cheaper)} tracks became cheaper, each is a line of its log, for example:")
    first = next(line for line in followed.answer if line["track_id"] in cheaper)
    narrator.answered(json.dumps(first, ensure_ascii=False))
