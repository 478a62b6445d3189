"""Parsing the data set."""

from decimal import Decimal

import pytest

from chinook_demo.catalogue import Catalogue, parse_catalogue
from chinook_demo.errors import DataError
from chinook_demo.matching import make_plan
from chinook_demo.scenario import ALBUM, ALBUMS_TO_DELETE, ARTIST_NAMES, GENRE

TRACK = (
    '{"model":"track","pk":7,"fields":{"album":1,"name":"So What","bytes":1,"mediatype":2,'
    '"unit_price":0.99,"composer":null,"genre":3,"milliseconds":564009}}'
)


def test_prices_are_decimals_with_the_digits_of_the_file() -> None:
    (track,) = parse_catalogue([TRACK]).rows["tracks"]

    assert track["unit_price"] == Decimal("0.99")
    assert str(track["unit_price"]) == "0.99"


def test_a_whole_number_is_a_price_too() -> None:
    (track,) = parse_catalogue([TRACK.replace("0.99", "1")]).rows["tracks"]

    assert track["unit_price"] == Decimal(1)
    assert isinstance(track["unit_price"], Decimal)


def test_bodies_have_the_names_of_the_api_and_the_original_keys() -> None:
    (track,) = parse_catalogue([TRACK]).rows["tracks"]

    assert track["id"] == 7
    assert track["media_type"] == 2
    assert "mediatype" not in track


def test_lines_are_within_their_invoices_which_are_paid() -> None:
    line = '{"model":"invoiceline","pk":9,"fields":{"invoice":1,"track":2,"unit_price":0.99}}'

    catalogue = parse_catalogue([line, '{"model":"invoice","pk":1,"fields":{"total":0.99}}'])

    (invoice,) = catalogue.rows["invoices"]
    sold = [{"track": 2, "unit_price": Decimal("0.99")}]
    assert invoice == {"id": 1, "status": "paid", "lines": sold}
    assert len(catalogue) == 2


def test_playlists_of_the_same_name_are_told_apart() -> None:
    lines = [f'{{"model":"playlist","pk":{key},"fields":{{"name":"Music"}}}}' for key in (1, 2)]

    names = [row["name"] for row in parse_catalogue(lines).rows["playlists"]]

    assert names == ["Music", "Music (2)"]


def test_the_data_set_is_complete_and_parents_come_first(catalogue: Catalogue) -> None:
    counts = {resource: len(rows) for resource, rows in catalogue.rows.items()}

    assert list(counts.items()) == [
        ("genres", 25),
        ("media-types", 5),
        ("artists", 275),
        ("albums", 347),
        ("tracks", 3503),
        ("playlists", 18),
        ("playlist-tracks", 8715),
        ("employees", 8),
        ("customers", 59),
        ("invoices", 412),
    ]
    assert len(catalogue) == 15_607


def test_every_row_of_the_data_set_can_be_told_from_the_others(catalogue: Catalogue) -> None:
    for resource, rows in catalogue.rows.items():
        moved = [{**row, "id": row["id"] + 100_000} for row in rows]

        plan = make_plan(resource, rows, moved)

        assert plan.present == {row["id"]: row["id"] + 100_000 for row in rows}


def test_the_scenario_is_about_rows_of_the_data_set(catalogue: Catalogue) -> None:
    assert catalogue.find("genres", name=GENRE)["name"] == GENRE
    assert catalogue.find("artists", name=ARTIST_NAMES[0])["name"] == ARTIST_NAMES[0]
    for title in (ALBUM, *ALBUMS_TO_DELETE):
        assert catalogue.find("albums", title=title)["title"] == title


def test_a_row_that_is_not_there_is_an_error_that_names_it(catalogue: Catalogue) -> None:
    with pytest.raises(DataError, match="Polka"):
        catalogue.find("genres", name="Polka")
