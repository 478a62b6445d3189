"""One run: load on a site, faults by a seeded schedule, and a judgement when all is quiet."""

import contextlib
import random
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager

from faults.catalogue import Fault, NotHereError, Strike
from faults.report import Report, Struck
from faults.schedule import deal
from faults.site import Ledger, Load, Site
from integration_tests.witness import Witness
from local_stack.waiting import eventually

#: Faults of these groups strike beside the others: what is hit is never the same.
_OF_PROCESSES = frozenset({"processes", "steps"})
_SHOWN_LINES = 12


class Campaign:
    """Runs faults on a site, which is started and closed by the caller.

    Args:
        site: where.
        hands: two threads that live as long as the site; what they start dies with them.
        faults: which; each once before any comes again.
        seed: of every random choice.
        duration_seconds: for how long; None to strike each fault once.
        settle_seconds: how long it may take until everything is equal.
    """

    def __init__(
        self,
        site: Site,
        hands: Executor,
        faults: Sequence[Fault],
        *,
        seed: int,
        duration_seconds: float | None,
        settle_seconds: float,
    ) -> None:
        self._site = site
        self._pool = hands
        self._faults = faults
        self._seed = seed
        self._duration_seconds = duration_seconds
        self._settle_seconds = settle_seconds
        self._started_at = 0.0
        self._errors: list[str] = []
        self._hands = (threading.Lock(), threading.Lock())
        self.report = Report(site.name, seed, duration_seconds or 0.0)

    def run(self) -> Report:
        """Does it all; an error of the campaign itself ends up among the leftovers."""
        site, report = self._site, self.report
        site.ledger = Ledger(poison=site.ledger.poison)
        report.may_refuse_writes = any(fault.disturbs_writers for fault in self._faults)
        places = site.places
        with Witness(
            places.master_database, places.replica_database, site.watched, believed=False
        ) as witness:
            site.witness = witness
            with site.load(random.Random(f"{self._seed} load")) as load:
                load.wait_for_writes(1)
                self._started_at = time.monotonic()
                self._strike_all(load)
                load.wait_for_writes(5)
                report.refused_writes = load.failures
            self._settle()
        self._take_findings(witness)
        report.leftovers += self._errors
        return report

    def _strike_all(self, load: Load) -> None:
        """Two hands: one hits processes, the other one what is around them."""
        at_work = []
        for hand in range(len(self._hands)):
            faults = [fault for fault in self._faults if _hand_of(fault) == hand]
            if faults:
                at_work.append(self._pool.submit(self._work, faults, hand, load))
        for work in at_work:
            work.result()

    def _work(self, faults: Sequence[Fault], hand: int, load: Load) -> None:
        rng = random.Random(f"{self._seed} hand {hand}")
        for fault in self._dealt(faults, rng):
            try:
                with self._room(fault, hand):
                    self._strike(fault, Strike(self._site, load, rng))
            except Exception:  # noqa: BLE001  shown in the report, which is red then
                self._errors.append(f"{fault}: {traceback.format_exc(limit=-3)}")
                return

    def _dealt(self, faults: Sequence[Fault], rng: random.Random) -> Iterator[Fault]:
        if self._duration_seconds is None:
            yield from rng.sample(faults, len(faults))
            return
        for fault in deal(faults, rng):
            if time.monotonic() - self._started_at >= self._duration_seconds:
                return
            yield fault
            time.sleep(rng.uniform(0, 1))

    def _strike(self, fault: Fault, strike: Strike) -> None:
        at_seconds = time.monotonic() - self._started_at
        not_made = ""
        try:
            fault.strike(strike)
        except NotHereError as error:
            not_made = str(error)
        took_seconds = time.monotonic() - self._started_at - at_seconds
        self.report.struck.append(
            Struck(fault.name, round(at_seconds, 1), round(took_seconds, 1), not_made)
        )

    @contextmanager
    def _room(self, fault: Fault, hand: int) -> Iterator[None]:
        """What starts and stops processes in its own way wants the other hand to rest."""
        with contextlib.ExitStack() as held:
            for lock in self._hands if fault.is_alone else self._hands[hand : hand + 1]:
                held.enter_context(lock)
            yield

    def _settle(self) -> None:
        """Waits until everything is equal, or until nothing moves any more."""
        site, report = self._site, self.report
        quiet_at = time.monotonic()
        site.start()
        if site.ledger.is_to_be_mended:
            self._wait(site.check_quiet)
            site.repair()
            quiet_at = time.monotonic()
        if self._wait(self._check_equal):
            report.converged_seconds = round(time.monotonic() - quiet_at, 2)

    def _wait(self, check: Callable[[], None]) -> bool:
        def supervised() -> None:
            self._site.supervise()
            check()

        try:
            eventually(supervised, within_seconds=self._settle_seconds)
        except Exception as error:  # noqa: BLE001  what is wrong is counted after this
            self.report.details += str(error).splitlines()[:_SHOWN_LINES]
            return False
        return True

    def _check_equal(self) -> None:
        self._site.check_quiet()
        differences = [difference for difference in self._site.compare() if difference]
        assert not differences, "\n".join(line for one in differences for line in one.lines())

    def _take_findings(self, witness: Witness) -> None:
        site, report, findings = self._site, self.report, witness.findings
        differences = site.compare()
        report.rows = sum(difference.rows for difference in differences)
        report.missing, report.extra, report.stale = _wrong(site)
        report.committed, report.samples = findings.committed, findings.samples
        report.invented = len(findings.invented)
        report.went_back = len(findings.went_back)
        report.resurrected = len(findings.resurrected)
        report.before_repair = site.ledger.repaired or 0
        report.repaired = site.ledger.repaired is not None
        # A repair raises revisions of the master on purpose.
        report.gaps = 0 if report.repaired else len(findings.gaps)
        report.poison = len(site.ledger.poison)
        report.kept_poison = site.kept_poison()
        report.leftovers += site.leftovers()
        report.exit_codes = dict(site.ledger.exit_codes)


def _hand_of(fault: Fault) -> int:
    return 0 if fault.group in _OF_PROCESSES else 1


def _wrong(site: Site) -> tuple[int, int, int]:
    """Rows that are missing, too much, and different."""
    differences = site.compare()
    return (
        sum(len(difference.missing) for difference in differences),
        sum(len(difference.extra) for difference in differences),
        sum(len(difference.differing) for difference in differences),
    )
