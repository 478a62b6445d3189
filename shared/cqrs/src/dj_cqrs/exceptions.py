"""The errors of this library.

CQRSError
├── ConfigurationError      settings or a model declaration are wrong (also an AssertionError)
│   └── TransportImportError    the transport cannot be imported (also an ImportError)
├── ContractError           a message that can never be applied: dead letter at once
├── PermanentError          an operation that will not succeed however often it is tried
├── ReadOnlyReplicaError    somebody else than the consumer writes to a read-only replica
└── TransientError          tried again later
    └── TransportError      the broker cannot be reached, or the connection to it was lost
        └── BrokerUnreachableError  no connection could be made: nothing was sent
"""


class CQRSError(Exception):
    """Root of all errors of this library."""


class ConfigurationError(CQRSError, AssertionError):
    """Raised when settings or a model declaration are wrong; the message says what to change.

    It is an ``AssertionError`` too, since that is what users of django-cqrs expect and test for.
    """


class TransportImportError(ConfigurationError, ImportError):
    """Raised when the module or class that ``CQRS['transport']`` names cannot be imported.

    It is an ``ImportError`` too, since that is what users of django-cqrs expect and test for.
    """


class ContractError(CQRSError):
    """Raised when a message does not follow the wire contract, so that retrying is pointless."""


class PermanentError(CQRSError):
    """Raised when an operation failed in a way that no retry can mend."""


class ReadOnlyReplicaError(CQRSError):
    """Raised when code outside the consumer writes to a model with ``CQRS_READ_ONLY``."""


class TransientError(CQRSError):
    """Raised when an operation failed and may succeed later."""


class TransportError(TransientError):
    """Raised when the broker cannot be reached or a connection to it was lost."""


class BrokerUnreachableError(TransportError):
    """Raised when no connection to the broker could be made, so that nothing was sent."""
