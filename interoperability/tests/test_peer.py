"""The peer project itself: its migrations and its own tests are the same on either library."""

from pathlib import Path

import pytest

from interoperability.libraries import DJANGO_CQRS, OURS
from interoperability.peers import Flavour, Peer, Place

ON_OURS = Flavour(OURS, "dj_cqrs.inbox origin copies")
ON_DJANGO_CQRS = Flavour(DJANGO_CQRS, "origin copies")
NOWHERE = Place("amqp://127.0.0.1:1", "nowhere", "nowhere")


def peer(flavour: Flavour, directory: Path, **variables: str) -> Peer:
    return Peer(flavour, NOWHERE, "", directory, variables)


def new_migrations(flavour: Flavour, directory: Path) -> str:
    """Migrations as they would be made today, if there were none."""
    package = directory / f"made_on_{flavour.library.name.replace('-', '_')}"
    package.mkdir()
    (package / "__init__.py").touch()
    variables = {"PEER_NEW_MIGRATIONS": package.name, "PYTHONPATH": str(directory)}
    peer(flavour, directory, **variables).manage(
        "makemigrations", "origin", "copies", "--no-header"
    )
    made = sorted(package.glob("*/0*.py"))
    assert [file.parent.name for file in made] == ["copies", "origin"]
    return "\n".join(file.read_text() for file in made)


def test_both_libraries_make_the_same_migrations(django_cqrs: str, tmp_path: Path) -> None:
    theirs = new_migrations(ON_DJANGO_CQRS, tmp_path)

    assert "dj_cqrs.mixins.RawReplicaMixin" in theirs
    assert new_migrations(ON_OURS, tmp_path) == theirs


@pytest.mark.parametrize("flavour", [ON_OURS, ON_DJANGO_CQRS], ids=str)
def test_the_committed_migrations_are_complete(
    django_cqrs: str, tmp_path: Path, flavour: Flavour
) -> None:
    printed = peer(flavour, tmp_path).manage("makemigrations", "--check", "--dry-run")

    assert printed.strip() == "No changes detected"


@pytest.mark.parametrize("flavour", [ON_OURS, ON_DJANGO_CQRS], ids=str)
def test_the_tests_of_users_pass(django_cqrs: str, tmp_path: Path, flavour: Flavour) -> None:
    done = peer(flavour, tmp_path).try_to_manage("test", "origin", "copies")

    assert done.returncode == 0, done.stderr
    assert "Ran 11 tests" in done.stderr
