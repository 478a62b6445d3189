"""Something to receive messages."""

from dj_cqrs.metas import ReplicaMeta
from dj_cqrs.mixins import RawReplicaMixin


class Nothing(RawReplicaMixin):
    """Never gets a message."""

    CQRS_ID = "nothing"


ReplicaMeta.register(Nothing)
