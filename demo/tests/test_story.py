"""The whole demo against a shop in this process."""

from collections.abc import Callable
from dataclasses import replace

import httpx
import pytest
from fake_shop import SETTINGS, FakeShop

from chinook_demo.errors import RefusedError, StackUnavailableError
from chinook_demo.shop import open_shop

Run = Callable[[], tuple[bool, str]]


def test_the_demo_loads_changes_and_ends_without_a_difference(fake: FakeShop, run: Run) -> None:
    is_equal, output = run()

    assert is_equal
    assert "0 differences over 15,728 rows" in " ".join(output.split())
    assert fake.tables["artists"][22]["name"] == "The New Yardbirds"
    assert not {262, 264} & fake.tables["albums"].keys()
    assert fake.tables["tracks"][1]["unit_price"] == "0.99"


def test_a_second_run_restores_what_the_first_one_deleted(fake: FakeShop, run: Run) -> None:
    run()

    is_equal, output = run()

    assert is_equal
    assert "25 genres, 0 of them created" in output
    assert "347 albums, 2 of them created" in output
    assert "“Quiet Songs”, revision 2" in output
    assert fake.tables["artists"][22]["name"] == "Led Zeppelin"


def test_what_others_created_stays_as_it_was(fake: FakeShop, run: Run) -> None:
    # Given rows with keys and names that the data set has as well
    fake.create("media-types", name="AAC audio file")
    fake.create("artists", name="John Coltrane")
    fake.create("albums", title="Blue Train", artist=1)
    fields = {"name": "Blue Train", "album": 1, "media_type": 1, "unit_price": "0.99"}
    fake.create("tracks", **fields, milliseconds=643000, bytes=None, composer="")

    first, output = run()
    second, _ = run()

    assert first
    assert second
    assert "4 rows got other keys" in output
    assert fake.tables["artists"][1]["name"] == "John Coltrane"
    assert fake.tables["tracks"][1] | fields == fake.tables["tracks"][1]
    names = [row["name"] for row in fake.tables["artists"].values()]
    assert len(names) == len(set(names)) == 276


def test_an_album_with_a_track_of_somebody_else_is_not_deleted(fake: FakeShop, run: Run) -> None:
    run()  # it deletes the album, the next run restores it, and deletes it again
    fake.create("albums", id=262, title="Quiet Songs", artist=197)
    track = fake.create(
        "tracks",
        name="Mine",
        album=262,
        media_type=1,
        unit_price="5.00",
        milliseconds=1,
        bytes=None,
        composer="",
    )

    is_equal, output = run()

    assert is_equal
    assert track["id"] in fake.tables["tracks"]
    assert "Gone: Realize and Worlds" in output


@pytest.mark.parametrize(
    ("resource", "key", "words"),
    [
        ("price-changes", 3, "price-changes 3: missing on the replica"),
        ("tracks", 3503, "tracks 3503: missing on the replica"),
    ],
)
def test_a_row_that_does_not_arrive_fails_the_demo(
    fake: FakeShop, run: Run, resource: str, key: int, words: str
) -> None:
    fake.lost.add((resource, key))

    is_equal, output = run()

    assert not is_equal
    assert "1 difference over" in output
    assert words in output


def test_a_field_that_differs_fails_the_demo(fake: FakeShop, run: Run) -> None:
    fake.spoiled["albums", 5] = {"title": "Small Ones"}

    is_equal, output = run()

    assert not is_equal
    assert "albums 5: title 'Small Ones', not 'Big Ones'" in output


def test_a_stack_that_does_not_run_is_one_clear_sentence(fake: FakeShop) -> None:
    fake.is_stopped = True

    with (
        pytest.raises(
            StackUnavailableError,
            match=r"master service does not answer at http://master\.test.*run make up first",
        ),
        open_shop(SETTINGS, transport=fake.transport),
    ):
        pass


def test_a_service_that_is_not_ready_says_why() -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(503, text="no database"))

    with (
        pytest.raises(StackUnavailableError, match=r"not ready \(503 no database\)"),
        open_shop(SETTINGS, transport=transport),
    ):
        pass


def test_a_wrong_token_is_named_as_the_reason(fake: FakeShop) -> None:
    settings = replace(SETTINGS, api_token="wrong")

    with (
        open_shop(settings, transport=fake.transport) as shop,
        pytest.raises(RefusedError, match=r"401 .*API_TOKEN"),
    ):
        shop.master.create_many("genres", [{"name": "Polka"}])


def test_a_price_drop_that_nobody_announces_fails_the_demo(fake: FakeShop, run: Run) -> None:
    fake.is_silent = True

    is_equal, output = run()

    assert not is_equal
    assert "price drops are not announced" in output


def test_a_word_about_a_person_on_the_replica_fails_the_demo(fake: FakeShop, run: Run) -> None:
    fake.spoiled["customers", 1] = {"country": "luisg@embraer.com.br"}

    is_equal, output = run()

    assert not is_equal
    assert "the replica knows people: luisg@embraer.com.br" in output
