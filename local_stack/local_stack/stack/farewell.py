"""The last words of `make up`: where everything is, and two lines to try it."""

from local_stack.stack.environment import DEFAULTS, Environment

_TEMPLATE = """
The stack is running.

  master   http://127.0.0.1:{master}/api/      takes the writes; http://127.0.0.1:{master}/api/docs/
  replica  http://127.0.0.1:{replica}/api/      serves the reads; http://127.0.0.1:{replica}/api/docs/

Create a track on the master, then read it from the replica:

  curl -X POST http://127.0.0.1:{master}/api/tracks/ \\
    -H "Authorization: Bearer $(sed -n 's/^API_TOKEN=//p' .env)" \\
    -H "Content-Type: application/json" \\
    -d '{body}'
  sleep 1; curl "http://127.0.0.1:{replica}/api/tracks/?search=Blue+Train"

{demo} loads a whole shop, make logs follows the processes, make down stops them.
"""

_BODY = (
    '{"name": "Blue Train", "artist_name": "John Coltrane", "album_title": "Blue Train", '
    '"media_type_name": "AAC audio file", "milliseconds": 643000, "unit_price": "0.99"}'
)


def farewell(environment: Environment) -> str:
    """Write the text for a stack with these settings."""
    ports = {name: environment[name] for name in ("MASTER_PORT", "REPLICA_PORT")}
    # What is not in .env has to be said again.
    said = [f"{name}={port}" for name, port in ports.items() if port != DEFAULTS[name]]
    return _TEMPLATE.format(
        master=ports["MASTER_PORT"],
        replica=ports["REPLICA_PORT"],
        body=_BODY,
        demo=" ".join(["make demo", *said]),
    )
