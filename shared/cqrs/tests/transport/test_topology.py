"""Names on the broker, and what is refused as one."""

import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dj_cqrs.exceptions import ConfigurationError
from dj_cqrs.transport.topology import Binding, RoutingKey, Topology, replica_topology

cqrs_ids = st.text(string.ascii_letters + string.digits + "_-äπ", min_size=1, max_size=30)
queue_names = st.text(string.ascii_letters + string.digits + "_-.:/ ä", min_size=1, max_size=60)


@pytest.mark.parametrize(
    ("key", "text"),
    [
        (RoutingKey("track"), "track"),  # to every bound queue
        (RoutingKey("track", "storefront"), "cqrs.storefront.track"),  # to one queue
        (RoutingKey("track", "dead_letter_storefront"), "cqrs.dead_letter_storefront.track"),
        (RoutingKey("track", "shop.eu"), "cqrs.shop.eu.track"),  # queue names may hold dots
        (RoutingKey("cqrs"), "cqrs"),  # a model may be called as the prefix
        (RoutingKey("cqrs", "cqrs"), "cqrs.cqrs.cqrs"),
    ],
)
def test_routing_key_is_the_contracts_and_is_read_back(key: RoutingKey, text: str) -> None:
    assert str(key) == text
    assert RoutingKey.parse(text) == key


@given(cqrs_ids, st.none() | queue_names)
def test_every_routing_key_survives_its_text(cqrs_id: str, queue: str | None) -> None:
    key = RoutingKey(cqrs_id, queue)

    assert RoutingKey.parse(str(key)) == key


@given(st.text())
def test_any_text_can_be_read_as_a_routing_key(text: str) -> None:
    assert str(RoutingKey.parse(text)) == text


def test_replica_is_bound_as_the_contract_says() -> None:
    topology = replica_topology(
        exchange="cqrs",
        queue="storefront",
        dead_letter_queue="dead_letter_storefront",
        cqrs_ids=["track", "album"],
    )

    assert topology.bindings == (
        Binding("dead_letter_storefront", "dead_letter_storefront", ""),
        Binding("dead_letter_storefront", "cqrs", "cqrs.dead_letter_storefront.album"),
        Binding("dead_letter_storefront", "cqrs", "cqrs.dead_letter_storefront.track"),
        Binding("storefront", "cqrs", "album"),
        Binding("storefront", "cqrs", "track"),
        Binding("storefront", "cqrs", "cqrs.storefront.album"),
        Binding("storefront", "cqrs", "cqrs.storefront.track"),
    )


def test_dead_letter_exchange_follows_the_queue_whatever_the_dead_letter_queue_is_called() -> None:
    topology = Topology("cqrs", "storefront", "rejected", ())

    assert topology.dead_letter_exchange == "dead_letter_storefront"
    assert topology.bindings == (Binding("rejected", "dead_letter_storefront", ""),)


@given(st.lists(cqrs_ids), queue_names)
def test_order_in_which_models_are_registered_does_not_matter(ids: list[str], queue: str) -> None:
    def topology(cqrs_ids: list[str]) -> Topology:
        return replica_topology(
            exchange="cqrs", queue=queue, dead_letter_queue=f"dead_{queue}", cqrs_ids=cqrs_ids
        )

    assert topology(ids) == topology(ids[::-1])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"queue": ""}, "must have a name"),
        ({"exchange": ""}, "must have a name"),
        ({"queue": "amq.mine"}, "belong to the broker"),  # reserved, 403
        ({"queue": "shop*"}, "wildcards"),  # a wildcard in a binding takes others' messages
        ({"queue": "#"}, "wildcards"),
        ({"queue": "shop\n"}, "control characters"),
        ({"queue": "q" * 256}, "256 bytes long"),  # AMQP's short string
        ({"queue": "ä" * 128}, "256 bytes long"),  # octets, not characters
        ({"queue": "q" * 250}, "dead letter exchange"),  # fits, but not with the prefix
        ({"queue": "q" * 240, "cqrs_ids": ("track" * 4,)}, "routing key"),
        ({"dead_letter_queue": "storefront"}, "its own dead letters"),
    ],
)
def test_name_that_the_broker_would_refuse_is_refused_with_the_reason(
    changes: dict[str, Any], message: str
) -> None:
    names: dict[str, Any] = {
        "exchange": "cqrs",
        "queue": "storefront",
        "dead_letter_queue": "dead_letter_storefront",
        "cqrs_ids": ("track",),
    }

    with pytest.raises(ConfigurationError, match=message):
        Topology(**(names | changes))
