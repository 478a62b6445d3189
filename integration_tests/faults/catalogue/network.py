"""The network between services and servers: cut, half-open, refusing, slow."""

import time
from collections.abc import Callable, Iterator

from faults.catalogue.fault import Fault, Strike
from faults.site import Site
from local_stack.proxy import Proxies

_WAYS: dict[str, Callable[[Site], Proxies]] = {
    "broker": lambda site: site.network.to_broker,
    "master's database": lambda site: site.network.to_master_database,
    "replica's database": lambda site: site.network.to_replica_database,
}
#: Writers wait for nothing else.
_OF_WRITERS = "master's database"
_SLOW_SECONDS = 0.03

Break = Callable[[Strike, Proxies], None]


def _cut(_strike: Strike, proxy: Proxies) -> None:
    """All connections end at once; new ones are made."""
    proxy.cut()


def _refuse(strike: Strike, proxy: Proxies) -> None:
    """Nobody gets through for a while."""
    proxy.refuse()
    try:
        time.sleep(strike.seconds(0.5, 3))
    finally:
        proxy.admit()


def _half_open(strike: Strike, proxy: Proxies) -> None:
    """Packets are dropped and nobody is told; what hangs is cut in the end, as a router would."""
    proxy.freeze(both_ways=strike.rng.random() < 0.5)
    try:
        time.sleep(strike.seconds(1, 4))
        proxy.cut()
    finally:
        proxy.thaw()


def _stall(strike: Strike, proxy: Proxies) -> None:
    """Packets are held up, and arrive after all."""
    proxy.freeze(both_ways=strike.rng.random() < 0.5)
    try:
        time.sleep(strike.seconds(0.5, 3))
    finally:
        proxy.thaw()


def _slow(strike: Strike, proxy: Proxies) -> None:
    proxy.delay(_SLOW_SECONDS)
    try:
        time.sleep(strike.seconds(1, 3))
    finally:
        proxy.delay(0.0)


_BREAKS: dict[str, Break] = {
    "cut": _cut,
    "refused": _refuse,
    "half-open": _half_open,
    "stalled": _stall,
    "slow": _slow,
}


def _between(way: str, break_it: Break) -> Callable[[Strike], None]:
    return lambda strike: break_it(strike, _WAYS[way](strike.site))


def network_faults() -> Iterator[Fault]:
    """All of them."""
    for way in _WAYS:
        for name, break_it in _BREAKS.items():
            yield Fault(
                f"network to the {way} {name}",
                "network",
                _between(way, break_it),
                disturbs_writers=way == _OF_WRITERS,
            )
