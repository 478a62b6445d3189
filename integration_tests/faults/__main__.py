"""`python -m faults`: the campaign against the services of this repository."""

import contextlib
import sys
from collections.abc import Iterator

from faults.command import SiteFactory, run
from faults.shop import ShopSite
from faults.site import Network
from integration_tests.stack import Servers, migrated_templates


@contextlib.contextmanager
def _shop(servers: Servers, network: Network) -> Iterator[SiteFactory]:
    templates = migrated_templates(servers)
    yield lambda: ShopSite(servers, templates, network)


if __name__ == "__main__":
    sys.exit(run({"shop": _shop}))
