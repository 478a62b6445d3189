"""A master's process that performs scripts when the test asks for them."""

import json
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from local_stack.process import as_user

_END_SECONDS = 30
_LOG_CHARACTERS = 3000


class Driver:
    """Speaks with `manage.py perform`: a request, then its answer, one line each."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        directory: Path,
        environment: Mapping[str, str],
        log: Path,
    ) -> None:
        """Start the process; it answers as soon as it is ready."""
        self._log = log
        with log.open("ab") as errors:
            self._process = subprocess.Popen(
                [*as_user(None, die_with_parent=signal.SIGKILL), *command],
                cwd=directory,
                env=dict(environment),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )

    def perform(self, script: str, **arguments: Any) -> Any:
        """Let the master perform a script to its end; returns the script's result."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        request = json.dumps({"script": script, "arguments": arguments})
        self._process.stdin.write(f"{request}\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            log = self._log.read_text(errors="replace")[-_LOG_CHARACTERS:]
            raise AssertionError(f"the driver has ended:\n{log}")
        answer = json.loads(line)
        assert "error" not in answer, answer["error"]
        return answer["result"]

    def close(self) -> None:
        """End it in good order."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
