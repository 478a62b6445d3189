"""Processes are killed, asked to end and frozen at random moments."""

import time
from collections.abc import Callable, Iterator

from faults.catalogue.fault import Fault, NotHereError, Strike
from faults.site import Site
from integration_tests.process import ServiceProcess
from local_stack.waiting import eventually

_ROLES: dict[str, Callable[[Site], ServiceProcess | None]] = {
    "web server": lambda site: site.web,
    "writer": lambda site: site.writer,
    "relay": lambda site: site.relay,
    "consumer": lambda site: site.consumer,
}
#: These take writes, so that some fail when they are hit.
_WRITING = ("web server", "writer")

Hit = Callable[[Strike, ServiceProcess], None]


def _kill(strike: Strike, process: ServiceProcess) -> None:
    process.kill()
    time.sleep(strike.seconds(0, 1))


def _terminate(strike: Strike, process: ServiceProcess) -> None:
    code = process.stop()
    if code and process is not strike.site.writer:  # a script may be hit before it listens
        strike.site.ledger.exit_codes[process.name] = code


def _freeze(strike: Strike, process: ServiceProcess) -> None:
    """As on a machine that hangs for a while."""
    process.pause()
    time.sleep(strike.seconds(0.5, 3))
    process.resume()


def _freeze_and_kill(strike: Strike, process: ServiceProcess) -> None:
    process.pause()
    time.sleep(strike.seconds(0.2, 1))
    process.kill()


_HITS: dict[str, Hit] = {
    "killed": _kill,
    "terminated": _terminate,
    "frozen": _freeze,
    "frozen and killed": _freeze_and_kill,
}


def _hit(role: str, hit: Hit) -> Callable[[Strike], None]:
    def strike_it(strike: Strike) -> None:
        process = _ROLES[role](strike.site)
        if process is None:
            raise NotHereError(f"no {role}")
        hit(strike, process)
        strike.site.start()

    return strike_it


def _workers_killed(strike: Strike) -> None:
    """Its supervisor starts others."""
    consumer = strike.site.consumer
    eventually(consumer.check_workers)
    consumer.kill_workers()
    strike.site.start()


def _supervisor_killed(strike: Strike) -> None:
    """Its workers notice, and end beside those of its successor."""
    strike.site.consumer.kill_parent()
    strike.site.start()


def _everything_killed(strike: Strike) -> None:
    """As when a machine loses its power."""
    processes = strike.site.processes
    for process in strike.rng.sample(processes, len(processes)):
        process.kill()
    time.sleep(strike.seconds(0, 1))
    strike.site.start()


def process_faults() -> Iterator[Fault]:
    """All of them."""
    for role in _ROLES:
        for name, hit in _HITS.items():
            yield Fault(
                f"{role} {name}",
                "processes",
                _hit(role, hit),
                disturbs_writers=role in _WRITING,
            )
    yield Fault("workers killed", "processes", _workers_killed)
    yield Fault("supervisor killed", "processes", _supervisor_killed)
    yield Fault("everything killed", "processes", _everything_killed, disturbs_writers=True)
