"""Health for whoever starts and watches the service; the library knows what there is to look at.

``/readyz`` fails when this service does not do all of its work, changes that arrive late included.
A load balancer asks ``/readyz?exclude=…``, see docs/operations.md.
"""

from dj_cqrs.health import livez, readyz

__all__ = ["livez", "readyz"]
