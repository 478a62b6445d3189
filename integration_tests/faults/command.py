"""The command behind `make chaos`: prints a table, writes JSON, fails if a guarantee broke."""

import argparse
import contextlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path

from rich.console import Console

from faults.campaign import Campaign
from faults.catalogue import Fault, choose
from faults.report import Report, show
from faults.site import Network, Site
from integration_tests.stack import Servers
from local_stack import servers as server_choice

_RESULTS = Path(__file__).resolve().parents[2] / ".chaos"

SiteFactory = Callable[[], Site]
#: A system on servers: prepares what all of its sites share, and makes sites.
System = Callable[[Servers, Network], AbstractContextManager[SiteFactory]]


def run(systems: Mapping[str, System]) -> int:
    """Run what the command line asks for; exit code 1 if a guarantee was broken.

    Args:
        systems: what there is to be struck, the usual one first.
    """
    options = _arguments(systems)
    console = Console(width=160)
    reports: list[Report] = []
    with (
        _servers(cluster=options.cluster) as servers,
        Network.before(servers) as network,
        systems[options.system](servers, network) as new_site,
        ThreadPoolExecutor(2) as hands,
    ):
        for report in _runs(options, new_site, hands):
            reports.append(report)
            _say(console, report)
    show(reports, console)
    _write(options.output or _RESULTS / f"{options.system}.json", reports)
    return int(any(report.broken() for report in reports))


def _arguments(systems: Mapping[str, System]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--duration", type=float, default=60, help="seconds of faults in a run")
    parser.add_argument("--seed", type=int, default=1, help="of the first run")
    parser.add_argument("--runs", type=int, default=1, help="how many, each with the next seed")
    parser.add_argument("--faults", default="", help="names or groups, with commas between")
    parser.add_argument("--each", action="store_true", help="every fault in a run of its own")
    parser.add_argument("--system", default=next(iter(systems)), choices=systems)
    parser.add_argument("--cluster", action="store_true", help="a broker of three nodes")
    parser.add_argument("--settle", type=float, default=120, help="seconds until all is equal")
    parser.add_argument("--output", type=Path, help="where to write the JSON")
    options = parser.parse_args()
    try:
        chosen = choose([word.strip() for word in options.faults.split(",") if word])
        options.chosen = [f for f in chosen if options.cluster or f.group != "cluster"]
    except ValueError as error:
        parser.error(str(error))
    if not options.chosen:
        parser.error("these faults need a broker of three nodes: --cluster (CLUSTER=1)")
    return options


def _runs(options: argparse.Namespace, new_site: SiteFactory, hands: Executor) -> Iterator[Report]:
    """Runs one after the other; a site is used again as long as nothing on it is wrong."""
    site: Site | None = None
    try:
        for faults, seed, duration_seconds in _plans(options):
            site = site or new_site()
            site.start()
            campaign = Campaign(
                site,
                hands,
                faults,
                seed=seed,
                duration_seconds=duration_seconds,
                settle_seconds=options.settle,
            )
            report = campaign.run()
            yield report
            if report.broken() or not options.each:
                site.close()
                site = None
    finally:
        if site is not None:
            site.close()


def _plans(options: argparse.Namespace) -> Iterator[tuple[Sequence[Fault], int, float | None]]:
    if options.each:
        yield from (([fault], options.seed, None) for fault in options.chosen)
    else:
        for number in range(options.runs):
            yield options.chosen, options.seed + number, options.duration


@contextlib.contextmanager
def _servers(*, cluster: bool) -> Iterator[Servers]:
    start = server_choice.start_rabbitmq_cluster if cluster else server_choice.start_rabbitmq
    with contextlib.ExitStack() as closing:
        rabbitmq, _ = start()
        closing.callback(rabbitmq.close)
        postgres = []
        for _ in range(2):
            server, _ = server_choice.start_postgres()
            closing.callback(server.close)
            postgres.append(server)
        yield Servers(rabbitmq, *postgres)


def _say(console: Console, report: Report) -> None:
    for one in report.struck:
        why = f"  not made: {one.not_made}" if one.not_made else f"  {one.took_seconds:.1f} s"
        console.print(f"{one.at_seconds:6.1f} s  {one.fault}{why}", highlight=False)
    for line in (*report.details, *report.leftovers):
        console.print(f"  {line}", highlight=False, markup=False)


def _write(path: Path, reports: Sequence[Report]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([report.as_json() for report in reports], indent=1))
