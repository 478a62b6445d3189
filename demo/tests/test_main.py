"""What the shell sees."""

import subprocess
import sys
from pathlib import Path

#: A port on which nobody listens.
NOWHERE = "http://127.0.0.1:1"


def demo(directory: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "chinook_demo"],
        cwd=directory,
        env=variables,
        capture_output=True,
        text=True,
        check=False,
    )


def test_without_a_stack_the_demo_ends_with_one_sentence(tmp_path: Path) -> None:
    done = demo(tmp_path, MASTER_URL=NOWHERE, API_TOKEN="abc")

    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith(f"error: the master service does not answer at {NOWHERE}")
    assert "run make up first" in done.stderr
    assert done.stderr.count("\n") == 1


def test_in_a_checkout_that_never_ran_the_demo_says_what_to_do_first(tmp_path: Path) -> None:
    done = demo(tmp_path)

    assert done.returncode == 1
    assert done.stderr.startswith("error: API_TOKEN is neither set nor in .env")
