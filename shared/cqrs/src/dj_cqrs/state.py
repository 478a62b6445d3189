"""State of the running thread that users' code may look at."""

import threading
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from dj_cqrs.utils import bulk_relate_cqrs_serialization

__all__ = ["cqrs_state"]


class _State(threading.local):
    #: The innermost ``bulk_relate_cqrs_serialization`` that this thread is in; None outside.
    #: A default of the class, so that it is there in every thread.
    bulk_relate_cm: "bulk_relate_cqrs_serialization | None" = None


cqrs_state: Final = _State()
