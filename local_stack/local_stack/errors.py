"""What can go wrong with a server that we start ourselves.

StackError
├── ServerUnavailableError   there is no way to such a server on this machine
├── ServerFailedError        the server was there, but did not start or stop as it should
└── PortTakenError           somebody else listens where ours should
"""


class StackError(Exception):
    """Root of everything that this package raises on purpose."""


class ServerUnavailableError(StackError):
    """Raised when neither a container nor a binary for a server can be had; says what to do."""


class ServerFailedError(StackError):
    """Raised when a server that was started did not become ready; says where its log is."""


class PortTakenError(StackError):
    """Raised when a port is in use; names the variable that changes it."""
