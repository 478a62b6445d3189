"""Who listens. With `CQRS_NO_DB_OPERATIONS` no library keeps anything about a row."""

import os
from pathlib import Path
from typing import Any

from dj_cqrs.metas import ReplicaMeta
from dj_cqrs.mixins import RawReplicaMixin


class Notebook(RawReplicaMixin):
    """Adds a line for each announcement; fails while the notebook's directory is missing."""

    CQRS_ID = "announcement"
    CQRS_NO_DB_OPERATIONS = True

    @classmethod
    def cqrs_save(cls, master_data: dict[str, Any], **_: Any) -> Any:
        """Write the announcement down."""
        with Path(os.environ["PEER_NOTEBOOK"]).open("a") as notebook:
            notebook.write(f"{master_data['text']}\n")
        return True


ReplicaMeta.register(Notebook)
