"""Puts the checks of this service together: what is installed decides what is looked at."""

import logging
from collections.abc import Callable, Collection, Iterator
from functools import partial
from typing import Final

from dj_cqrs.health import databases, masters, replicas
from dj_cqrs.health.report import Check, Report
from dj_cqrs.heartbeats import stores
from dj_cqrs.heartbeats.signs import this_process
from dj_cqrs.registries import ReplicaRegistry

logger = logging.getLogger("django-cqrs")


#: What a process can do something about itself.
_OWN: Final = frozenset({"relay", "workers"})


def report(*, exclude: Collection[str] = (), is_own: bool = False) -> Report:
    """Looks at everything that is known without the broker.

    Args:
        exclude: checks that are left out, by the name with or without the alias.
        is_own: only whether the relays and workers of this host live and get on: what a restart
            of this container would mend.
    """
    found = databases.check_databases()
    checks = [check for check in found if not _is_in(check.name, exclude)]
    if all(check.is_ok for check in found):
        others = ((name, make) for name, make in _others(is_own) if not _is_in(name, exclude))
        checks += [_made(name, make) for name, make in others]
    if is_own:
        checks = [check for check in checks if check.kind in _OWN or not check.is_ok]
    return Report(tuple(checks))


def _others(is_own: bool) -> Iterator[tuple[str, Callable[[], Check]]]:
    host = this_process("").host if is_own else None
    for using in databases.of_outboxes():
        yield databases.named("outbox", using), partial(masters.check_outbox, using)
        yield databases.named("relay", using), partial(masters.check_relays, using, host)
    store = stores.of_workers()
    if ReplicaRegistry.models and store is not None:
        yield "workers", partial(replicas.check_workers, store, host)
    for using in databases.of_inboxes():
        yield databases.named("parked", using), partial(replicas.check_parked, using)


def _made(name: str, make: Callable[[], Check]) -> Check:
    """A check that cannot be made has failed; the log says why."""
    try:
        return make()
    except Exception:
        logger.exception("The check %r cannot be made", name)
        return Check(name, False, "It cannot be looked at; the log says why.")


def _is_in(name: str, exclude: Collection[str]) -> bool:
    return name in exclude or name.partition("[")[0] in exclude
