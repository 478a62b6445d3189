"""What can go wrong in the demo; each error says what to do.

DemoError
├── StackUnavailableError   nothing to talk to: the stack does not run, or not all of it
├── RefusedError            a service answered, but not with what was asked for
├── NotFollowedError        the replica still shows an older state after all the patience we have
└── DataError               the data set is not the one that this demo was written for
"""


class DemoError(Exception):
    """Root of everything that this package raises on purpose."""


class StackUnavailableError(DemoError):
    """Raised when the stack cannot be reached; says which part, and how to start it."""


class RefusedError(DemoError):
    """Raised when a service answers with an error; shows its words."""


class NotFollowedError(DemoError):
    """Raised when the replica did not follow in time; says what it shows instead."""


class DataError(DemoError):
    """Raised when a row that the demo is about is not in the data set."""
