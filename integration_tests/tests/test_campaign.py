"""The fault campaign itself: its judge must find what is wrong, or it proves nothing."""

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from faults.campaign import Campaign
from faults.catalogue import CATALOGUE, Fault, NotHereError, Strike, choose
from faults.document import render
from faults.report import Report, Struck
from faults.schedule import deal
from faults.shop import ShopSite
from faults.site import Network
from integration_tests import databases
from integration_tests.stack import Servers, Templates

SETTLE_SECONDS = 60


@pytest.fixture
def site(servers: Servers, templates: Templates) -> Iterator[ShopSite]:
    with Network.before(servers) as network:
        site = ShopSite(servers, templates, network)
        try:
            site.start()
            yield site
        finally:
            site.close()


def run(site: ShopSite, *faults: Fault, settle_seconds: float = SETTLE_SECONDS) -> Report:
    with ThreadPoolExecutor(2) as hands:
        campaign = Campaign(
            site, hands, faults, seed=1, duration_seconds=None, settle_seconds=settle_seconds
        )
        return campaign.run()


def damage_the_replica(strike: Strike) -> None:
    """A row too few, a row too many, and one that is not what it was."""
    url = strike.site.places.replica_database
    strike.load.wait_for_writes(30)
    strike.site.relay.stop()  # type: ignore[union-attr]  # the shop has one
    strike.site.consumer.stop()
    ids = [row[0] for row in databases.rows(url, "SELECT id FROM storefront_genre ORDER BY id")]
    databases.execute(url, "DELETE FROM storefront_genre WHERE id = %s", ids[0])
    databases.execute(url, "UPDATE storefront_genre SET name = 'never' WHERE id = %s", ids[1])
    columns = "id, name, cqrs_revision, cqrs_updated"
    databases.execute(
        url,
        f"INSERT INTO storefront_genre ({columns}) "
        "SELECT 10 + max(id), 'x', 0, now() FROM storefront_genre",
    )
    strike.site.start()


def turn_back_a_track(strike: Strike) -> None:
    url = strike.site.places.replica_database
    strike.load.wait_for_writes(30)
    turned = (
        "UPDATE storefront_track SET cqrs_revision = cqrs_revision - 1 WHERE cqrs_revision > 0"
    )
    assert databases.execute(url, turned)


def lose_poison(strike: Strike) -> None:
    strike.site.ledger.poison.append(b"nobody has ever sent this")


def never_here(_strike: Strike) -> None:
    raise NotHereError("there is nothing of the kind")


def break_the_campaign(_strike: Strike) -> None:
    raise RuntimeError("a mistake of the campaign")


def test_the_judge_finds_every_kind_of_damage(site: ShopSite) -> None:
    faults = [
        Fault("damage", "places", damage_the_replica, is_alone=True),
        Fault("turned back", "databases", turn_back_a_track),
        Fault("poison lost", "messages", lose_poison),
        Fault("nothing of the kind", "broker", never_here),
    ]

    report = run(site, *faults, settle_seconds=30)

    assert report.leftovers == []
    assert report.missing >= 1
    assert report.extra >= 1
    assert report.stale >= 1
    assert "genre: 1 missing" in "\n".join(report.details)
    assert report.went_back >= 1
    assert report.converged_seconds is None
    assert {"G1", "G5", "G6"} <= report.broken().keys()
    not_made = {one.fault: one.not_made for one in report.struck if one.not_made}
    assert not_made == {"nothing of the kind": "there is nothing of the kind"}


def test_a_mistake_of_the_campaign_is_no_success(site: ShopSite) -> None:
    report = run(site, Fault("mistake", "broker", break_the_campaign))

    assert "a mistake of the campaign" in report.leftovers[0]
    assert "G6" in report.broken()
    assert report.wrong == 0
    assert report.committed > 0


def test_each_fault_is_dealt_before_any_comes_again() -> None:
    dealt = deal(range(5), random.Random(1))
    rounds = [[next(dealt) for _ in range(5)] for _ in range(4)]

    assert all(sorted(one) == list(range(5)) for one in rounds)
    assert len({tuple(one) for one in rounds}) > 1


def test_the_same_seed_deals_the_same_faults() -> None:
    def first_twenty(seed: int) -> list[int]:
        dealt = deal(range(30), random.Random(seed))
        return [next(dealt) for _ in range(20)]

    assert first_twenty(7) == first_twenty(7)
    assert first_twenty(7) != first_twenty(8)


def test_faults_are_chosen_by_group_by_name_and_by_how_they_begin() -> None:
    assert {fault.group for fault in choose(["network"])} == {"network"}
    assert [fault.name for fault in choose(["broker killed"])] == ["broker killed"]
    assert {fault.name for fault in choose(["relay"])} >= {"relay killed", "relay frozen"}
    assert choose([]) == list(CATALOGUE)
    with pytest.raises(ValueError, match=r"no fault 'earthquake'.*broker killed"):
        choose(["earthquake"])


def test_names_of_faults_are_their_own() -> None:
    names = [fault.name for fault in CATALOGUE]

    assert len(set(names)) == len(names)
    assert not {fault.group for fault in CATALOGUE} & set(names)


@pytest.mark.parametrize(
    ("guarantee", "what"),
    [
        ("G1", {"missing": 1}),
        ("G1", {"converged_seconds": None}),
        ("G2", {"invented": 1}),
        ("G3", {"gaps": 1}),
        ("G4", {"refused_writes": 1}),
        ("G5", {"extra": 1}),
        ("G5", {"stale": 1}),
        ("G5", {"went_back": 1}),
        ("G5", {"resurrected": 1}),
        ("G6", {"poison": 2, "kept_poison": 1}),
        ("G6", {"leftovers": ["dead letter"]}),
        ("G7", {"exit_codes": {"relay": 1}}),
    ],
)
def test_a_guarantee_is_broken_by(guarantee: str, what: dict[str, object]) -> None:
    fields: dict[str, Any] = {"converged_seconds": 1.0, **what}
    report = Report("shop", 1, 60, **fields)

    assert list(report.broken()) == [guarantee]
    assert Report.from_json(report.as_json()) == report


def test_writes_may_be_refused_where_their_own_database_is_hit() -> None:
    report = Report("shop", 1, 60, refused_writes=3, may_refuse_writes=True, converged_seconds=1)

    assert report.broken() == {}


def test_the_page_shows_what_was_measured() -> None:
    mixed = Report("shop", 3, 60, rows=400, committed=900, converged_seconds=2.5)
    other = Report("django-cqrs", 3, 60, rows=400, missing=80, stale=20)
    struck = [Struck("broker killed", 0.0, 3.0)]
    alone = Report("shop", 1, 0, struck, stale=1, converged_seconds=9)

    page = render([mixed, other, alone])

    assert (
        "| 3 | 60 | 0 | 900 | 400 | 0 | 0 | 0 | 2.5 s | 0 | 0 | 400 | 80 | 0 | 20 | never |"
        in page
    )
    assert "**django-cqrs**: 100 of 400 rows wrong (25.0%) after 1 runs." in page
    assert "| broker killed | ✓ | ✓ | ✓ | ✓ | 1 stale | ✓ | ✓ | 9.0 s |" in page
