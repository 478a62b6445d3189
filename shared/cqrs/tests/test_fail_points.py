"""Fail points: processes end at a named step, and only where the environment says so."""

import ast
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import dj_cqrs
from dj_cqrs import fail_points
from dj_cqrs.fail_points import ACTIONS, POINTS, VARIABLE

_POINT = "relay.claimed"
_SOURCES = Path(dj_cqrs.__file__).parent
_REACH = "from dj_cqrs.fail_points import reach; reach({!r}); print('passed')"


def _start(code: str, directory: Path | str | None) -> "subprocess.Popen[str]":
    environment = {name: value for name, value in os.environ.items() if name != VARIABLE}
    if directory is not None:
        environment[VARIABLE] = str(directory)
    return subprocess.Popen(
        [sys.executable, "-c", code],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _run(code: str, directory: Path | str | None) -> tuple[int, str, str]:
    process = _start(code, directory)
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def _reached() -> Iterator[str]:
    """The points that the library's own code names."""
    for file in _SOURCES.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("reach"):
                (point,) = node.args
                assert isinstance(point, ast.Constant), f"{file}: a point must be a literal"
                yield str(point.value)


def test_the_code_reaches_every_point_of_the_table_and_no_other() -> None:
    assert set(_reached()) == POINTS.keys()


@pytest.mark.parametrize("action", ["KILL", "TERM"])
def test_a_process_ends_itself_at_the_step_and_the_next_one_passes(
    tmp_path: Path, action: str
) -> None:
    (tmp_path / _POINT).write_text(f"{action}\n")

    first, out, _ = _run(_REACH.format(_POINT), tmp_path)
    second, _, _ = _run(_REACH.format(_POINT), tmp_path)

    assert (first, out) == (-ACTIONS[action], "")
    assert second == 0
    (reached,) = tmp_path.iterdir()
    assert reached.name.endswith(".reached")


def test_a_process_stops_at_the_step_until_somebody_lets_it_go_on(tmp_path: Path) -> None:
    (tmp_path / _POINT).write_text("STOP")
    process = _start(_REACH.format(_POINT), tmp_path)

    _, status = os.waitpid(process.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status)
    assert [file.name for file in tmp_path.iterdir()] == [f"{_POINT}.{process.pid}.reached"]

    process.send_signal(signal.SIGCONT)
    out, _ = process.communicate(timeout=60)
    assert out == "passed\n"


def test_a_process_that_handles_sigterm_goes_on_in_its_own_time(tmp_path: Path) -> None:
    (tmp_path / _POINT).write_text("TERM")
    handled = "import signal; signal.signal(signal.SIGTERM, lambda *_: print('told')); "

    assert _run(handled + _REACH.format(_POINT), tmp_path) == (0, "told\npassed\n", "")


def test_without_the_variable_a_file_means_nothing_and_settings_cannot_change_that(
    tmp_path: Path,
) -> None:
    (tmp_path / _POINT).write_text("KILL")
    later = f"import os, dj_cqrs.fail_points; os.environ[{VARIABLE!r}] = {str(tmp_path)!r}; "

    assert _run(_REACH.format(_POINT), None) == (0, "passed\n", "")
    assert _run(later + _REACH.format(_POINT), None) == (0, "passed\n", "")
    assert not fail_points.is_enabled()


def test_an_unknown_action_says_which_there_are(tmp_path: Path) -> None:
    (tmp_path / _POINT).write_text("EXPLODE")
    code, _, err = _run(_REACH.format(_POINT), tmp_path)

    assert code == 1
    assert "relay.claimed says 'EXPLODE'; write KILL or TERM or STOP." in err


def test_an_unknown_point_says_which_there_are(tmp_path: Path) -> None:
    code, _, err = _run(_REACH.format("relay.asleep"), tmp_path)

    assert code == 1
    assert "no fail point 'relay.asleep'; known: master.row_written, " in err


def test_a_directory_that_is_not_there_is_refused_at_start(tmp_path: Path) -> None:
    code, _, err = _run("import dj_cqrs.fail_points", tmp_path / "missing")

    assert code == 1
    assert "CQRS_FAIL_POINTS must name a directory" in err


def test_a_deployment_is_warned_of_the_variable(tmp_path: Path) -> None:
    check = "from django.core.management import execute_from_command_line as run; "
    check += "run(['', 'check', '--deploy', '--settings', 'tests.settings'])"

    assert "dj_cqrs.W010" in _run(check, tmp_path)[2]
    assert "dj_cqrs.W010" not in _run(check, None)[2]
