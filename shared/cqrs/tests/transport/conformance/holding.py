"""A process that takes messages and settles none of them, until it is killed."""

import json
import sys
import threading

import django
from django.conf import settings

from dj_cqrs.transport.selection import transport_class
from tests.transport.messages import receive


def main(cqrs: str, count: str) -> None:
    """Takes so many messages of the queue in ``settings.CQRS``, given as JSON."""
    settings.configure(CQRS=json.loads(cqrs))
    django.setup()
    consumer = transport_class().consumer(["track"])
    receive(consumer, int(count))
    print("holding", flush=True)  # noqa: T201 (the parent waits for it)
    threading.Event().wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
