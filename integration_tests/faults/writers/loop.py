"""Changes rows through the ORM for as long as it is let.

The scripts beside it run inside a service, in the service's interpreter and with its library: they
import nothing but Django, and find the models in its registry. Killed in the middle of anything,
they start again with what they find in the database.
"""

import random
import signal
import sys
import time
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Final

import django
from django.db import Error, close_old_connections, connections

Action = Callable[[random.Random], None]

_PAUSE_SECONDS: Final = 0.02
#: After an error, so that a database that is away is not asked all the time.
_LONG_PAUSE_SECONDS: Final = 0.2


class ChangedMindError(Exception):
    """Raised to roll back."""


def write(make_actions: Callable[[], Sequence[Action]]) -> None:
    """Performs one random action after the other until SIGTERM.

    Args:
        make_actions: called when the models are there. What the actions need they find in the
            database; `ChangedMindError` and errors of the database end one of them early.
    """
    stopped = []

    def stop(number: int, _frame: FrameType | None) -> None:
        stopped.append(number)

    signal.signal(signal.SIGTERM, stop)
    django.setup()
    actions = make_actions()
    rng = random.Random(sys.argv[1])
    while not stopped:
        try:
            rng.choice(actions)(rng)
        except ChangedMindError:
            pass
        except Error as error:
            sys.stderr.write(f"{type(error).__name__}: {error}\n")
            connections.close_all()
            time.sleep(_LONG_PAUSE_SECONDS)
        close_old_connections()
        time.sleep(_PAUSE_SECONDS)


def word(rng: random.Random) -> str:
    """A name that hardly anything else has."""
    return f"orm {rng.getrandbits(48):012x}"
