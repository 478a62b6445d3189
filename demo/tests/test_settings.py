"""Finding the stack."""

from pathlib import Path

import pytest

from chinook_demo.errors import StackUnavailableError
from chinook_demo.settings import Settings, load_settings


def test_the_stack_is_found_as_make_up_leaves_it(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("API_TOKEN=abc\nREPLICA_PORT=9001\n")

    settings = load_settings(tmp_path, {})

    assert settings == Settings("http://127.0.0.1:8000", "http://127.0.0.1:9001", "abc")


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("API_TOKEN=abc\nMASTER_PORT=9000\n")

    settings = load_settings(
        tmp_path,
        {"API_TOKEN": "new,old", "MASTER_URL": "http://shop:80/", "REPLICA_PORT": "9001"},
    )

    assert settings == Settings("http://shop:80", "http://127.0.0.1:9001", "new", is_local=False)


def test_without_a_token_nothing_was_started_here(tmp_path: Path) -> None:
    with pytest.raises(StackUnavailableError, match="run make up first"):
        load_settings(tmp_path, {"API_TOKEN": ""})
