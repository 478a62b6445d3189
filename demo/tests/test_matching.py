"""Which rows are created, and with which keys."""

from chinook_demo.matching import Plan, make_plan
from chinook_demo.rows import Row

JAZZ: Row = {"id": 2, "name": "Jazz"}


def test_a_row_that_nobody_has_keeps_its_key() -> None:
    assert make_plan("genres", [JAZZ], []) == Plan({}, [JAZZ], [])


def test_a_row_that_is_there_is_left_alone() -> None:
    assert make_plan("genres", [JAZZ], [JAZZ]) == Plan({2: 2}, [], [])


def test_a_row_that_is_there_under_another_key_is_used_where_it_is() -> None:
    assert make_plan("genres", [JAZZ], [{"id": 40, "name": "Jazz"}]) == Plan({2: 40}, [], [])


def test_a_key_that_somebody_else_has_stays_theirs() -> None:
    plan = make_plan("genres", [JAZZ], [{"id": 2, "name": "Polka"}])

    assert plan == Plan({}, [], [JAZZ])


def test_the_row_at_its_own_key_wins_over_a_twin() -> None:
    track = {"id": 5, "album": 1, "name": "So What", "milliseconds": 564009}

    plan = make_plan("tracks", [track], [track, {**track, "id": 9}])

    assert plan.present == {5: 5}


def test_the_renamed_artist_is_known_again() -> None:
    renamed = {"id": 22, "name": "The New Yardbirds"}

    plan = make_plan("artists", [{"id": 22, "name": "Led Zeppelin"}], [renamed])

    assert plan.present == {22: 22}
