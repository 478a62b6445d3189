"""``cqrs_bulk_dump``: the contract's format, in whole files only."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from dj_cqrs import wire
from tests.app.master_models import Author, Book, Fragile, Publisher
from tests.commands import rows
from tests.commands.running import in_another_connection, run, run_failing

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, which is where dumps go by default."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_dump_is_the_id_and_a_line_of_json_for_each_row(
    directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = rows.authors(2)

    call_command("cqrs_bulk_dump", "-c", "author")

    header, *lines = (directory / "author.dump").read_text().split("\n")
    assert header == "author"
    assert [json.loads(line) for line in lines] == [
        Author.objects.get(pk=pk).to_cqrs_dict() for pk in (first, second)
    ]
    assert capsys.readouterr().err == "Done!\n2 instance(s) saved.\n2 instance(s) processed.\n"


@pytest.mark.parametrize(
    ("model", "create"), rows.OF_EVERY_KEY, ids=lambda value: getattr(value, "CQRS_ID", "")
)
def test_every_row_is_dumped_once_whatever_its_key(
    model: Any, create: Callable[[int], list[Any]]
) -> None:
    pks = create(25)

    header, *lines = run("cqrs_bulk_dump", "-c", model.CQRS_ID, "-o", "-", "-b", "10").split("\n")

    assert header == model.CQRS_ID
    name = model._meta.pk.name
    assert [str(json.loads(line)[name]) for line in lines] == [str(pk) for pk in pks]


def test_a_dump_is_ascii_and_loses_no_digit() -> None:
    author = Author.objects.create(name='Lem "Ł" \u2028 \U0001f680 \n é')
    Book.objects.create(title="x", author=author, price="0.1")

    authors, books = (run("cqrs_bulk_dump", "-c", name, "-o", "-") for name in ("author", "book"))

    assert (authors + books).isascii()
    assert json.loads(authors.split("\n")[1])["name"] == author.name
    assert '"price":0.100000000000000000' in books


def test_a_file_that_is_there_is_replaced_by_force_only(directory: Path) -> None:
    (directory / "author.dump").write_text("precious")
    rows.authors(1)

    _, error = run_failing("cqrs_bulk_dump", "-c", "author")
    assert error == "File author.dump exists!"
    assert (directory / "author.dump").read_text() == "precious"

    call_command("cqrs_bulk_dump", "-c", "author", "-f")
    assert (directory / "author.dump").read_text().startswith("author\n{")


def test_a_file_in_no_directory_is_an_error() -> None:
    _, error = run_failing("cqrs_bulk_dump", "-c", "author", "-o", "nowhere/author.dump")

    assert error.startswith("File nowhere/author.dump can't be written: ")


def test_a_model_that_is_none_is_refused() -> None:
    assert run_failing("cqrs_bulk_dump", "-c", "nobody")[1] == "Wrong CQRS ID: nobody!"


def test_the_progress_goes_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    rows.authors(25)

    call_command("cqrs_bulk_dump", "-c", "author", "-b", "10", "-p", "-o", "-")

    shown = capsys.readouterr()
    assert "Processing 25 records with batch size 10\n" in shown.err
    assert "\r10 of 25 processed - 40% with rate " in shown.err
    assert "processed" not in shown.out


def test_a_row_that_cannot_be_dumped_is_reported_and_costs_nobody_else(
    directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, broken, _ = rows.fragile("a", "broken", "private")

    _, error = run_failing("cqrs_bulk_dump", "-c", "fragile")

    shown = capsys.readouterr().err
    assert f"\nDump record failed for pk={broken}: ValueError: it is broken\n" in shown
    assert shown.endswith("Done!\n2 instance(s) saved.\n3 instance(s) processed.\n")
    assert error == "1 instance(s) could not be dumped."
    lines = (directory / "fragile.dump").read_text().split("\n")[1:]
    assert [json.loads(line)["name"] for line in lines] == ["a", "private"]


def test_a_serializer_whose_query_fails_costs_nobody_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pks = rows.fragile("a", "ask", "b")
    to_cqrs_dict = Fragile.to_cqrs_dict

    def asking(self: Any, *args: Any, **kwargs: Any) -> Any:
        if self.name == "ask":
            with connection.cursor() as cursor:
                cursor.execute("SELECT nonsense")
        return to_cqrs_dict(self, *args, **kwargs)

    monkeypatch.setattr(Fragile, "to_cqrs_dict", asking)
    output, _ = run_failing("cqrs_bulk_dump", "-c", "fragile", "-o", "-")

    assert [json.loads(line)["id"] for line in output.split("\n")[1:]] == [pks[0], pks[2]]


@pytest.mark.row_locks  # SQLite lets nobody write while a batch is read
def test_rows_that_go_meanwhile_are_not_counted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pks = rows.authors(600)
    to_cqrs_dict = Author.to_cqrs_dict

    def deleting(self: Any, *args: Any, **kwargs: Any) -> Any:
        if self.pk == pks[499]:  # the last one of those that are read together
            in_another_connection(lambda: Author.objects.filter(pk=pks[550]).delete())
        return to_cqrs_dict(self, *args, **kwargs)

    monkeypatch.setattr(Author, "to_cqrs_dict", deleting)
    call_command("cqrs_bulk_dump", "-c", "author")

    assert "599 instance(s) saved.\n600 instance(s) processed." in capsys.readouterr().err


def test_rows_are_read_with_what_they_embed_in_one_go() -> None:
    def queries(count: int) -> int:
        author = Author.objects.create(name="Lem")
        publisher = Publisher.objects.create(name="WL")
        Book.objects.bulk_create(
            Book(title=str(number), author=author, publisher=publisher) for number in range(count)
        )
        with CaptureQueriesContext(connection) as captured:
            run("cqrs_bulk_dump", "-c", "book", "-o", "-")
        return len(captured)

    assert queries(2) == queries(200)


@pytest.mark.parametrize("before", [None, "precious"])
def test_a_dump_that_is_broken_off_leaves_no_half_file(
    directory: Path, monkeypatch: pytest.MonkeyPatch, before: str | None
) -> None:
    rows.authors(3)
    if before is not None:
        (directory / "author.dump").write_text(before)

    def interrupted(*_: Any, **__: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(Author, "to_cqrs_dict", interrupted)
    with pytest.raises(KeyboardInterrupt):
        call_command("cqrs_bulk_dump", "-c", "author", "-f")

    files = {path.name: path.read_text() for path in directory.iterdir()}
    assert files == ({} if before is None else {"author.dump": before})


def test_a_dump_may_go_to_a_pipe(directory: Path) -> None:
    rows.authors(1)
    os.mkfifo(directory / "pipe")
    reader = os.open(directory / "pipe", os.O_RDONLY | os.O_NONBLOCK)

    call_command("cqrs_bulk_dump", "-c", "author", "-o", "pipe", "-f")

    _, line = os.read(reader, 65536).split(b"\n")
    os.close(reader)
    assert wire.decode(line)["name"] == "0"
    assert [path.name for path in directory.iterdir()] == ["pipe"]
