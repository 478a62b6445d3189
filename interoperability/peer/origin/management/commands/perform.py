"""Performs scripts of `origin.scripts` on request, so that a test need not wait for a start."""

import inspect
import json
import sys
import traceback
from typing import Any

from django.core.management.base import BaseCommand

from origin import scripts


class Command(BaseCommand):
    """Reads `{"script": name, "arguments": {...}}`, one a line; answers each with one line."""

    help = "Performs scripts named on standard input."

    def handle(self, *_: Any, **__: Any) -> None:
        """Serve until the input ends."""
        for line in sys.stdin:
            request = json.loads(line)
            script = getattr(scripts, request["script"])
            assert inspect.isfunction(script), request
            try:
                answer = {"result": script(**request["arguments"])}
            except Exception:  # noqa: BLE001  the test shows it
                answer = {"error": traceback.format_exc()}
            self.stdout.write(json.dumps(answer))
            self.stdout.flush()
