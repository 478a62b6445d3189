"""Whether this service does its work: what its databases say, and what its broker says.

For probes and people: ``readyz`` and ``livez`` are views, ``report`` is what they and the command
``cqrs_status`` show. A web process asks no broker; relays and workers leave their signs of life in
the database (or, without one, in a directory). Thresholds are in ``CQRS['health']``.
"""

from dj_cqrs.health.report import Check, Report
from dj_cqrs.health.reporting import report
from dj_cqrs.health.views import answer, livez, readyz

__all__ = ["Check", "Report", "answer", "livez", "readyz", "report"]
