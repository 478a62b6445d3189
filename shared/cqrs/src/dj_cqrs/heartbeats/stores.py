"""Which store the processes of this service use; what installed apps and settings say."""

from dj_cqrs import conf
from dj_cqrs.heartbeats.in_database import DatabaseStore
from dj_cqrs.heartbeats.in_directory import DirectoryStore
from dj_cqrs.heartbeats.pulse import Pulse
from dj_cqrs.heartbeats.signs import Store


def of_relays(using: str) -> Store:
    """Where the relays of a database's outbox leave their signs of life: beside it."""
    from dj_cqrs.outbox.models import RelayHeartbeat

    return DatabaseStore(RelayHeartbeat, using)


def of_workers() -> Store | None:
    """Where the workers of this service do; None if they leave none."""
    if conf.inbox_is_installed():
        from dj_cqrs.inbox.models import WorkerHeartbeat
        from dj_cqrs.replica.batch import inbox_alias

        return DatabaseStore(WorkerHeartbeat, inbox_alias())
    directory = conf.config().health.directory
    return None if directory is None else DirectoryStore(directory)


def pulse(role: str, store: Store | None) -> Pulse:
    """The pulse of this process, as often as the settings demand."""
    return Pulse(role, store, interval_seconds=conf.config().health.beat_seconds)
