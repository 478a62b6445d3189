"""The managers of master and replica models (``Model.cqrs``)."""

from dj_cqrs.master.manager import MasterManager
from dj_cqrs.replica.manager import ReplicaManager

__all__ = ["MasterManager", "ReplicaManager"]
