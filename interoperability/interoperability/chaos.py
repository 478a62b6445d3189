"""`python -m interoperability.chaos`: the fault campaign against peers on either library."""

import sys

from faults.command import run
from interoperability.peer_site import ours, theirs

if __name__ == "__main__":
    sys.exit(run({"django-cqrs": theirs, "peer": ours}))
