"""What every transport must do: one suite, run against each of them.

A transport joins with a module that subclasses ``TransportConformance``, says in ``promises`` what
it promises beyond the rest, and provides the fixtures of ``suite.Suite``.
"""

from tests.transport.conformance.failing import Failing
from tests.transport.conformance.lasting import Lasting
from tests.transport.conformance.promises import EVERYTHING, No, Promise, Promises
from tests.transport.conformance.receiving import Receiving
from tests.transport.conformance.sending import Sending

__all__ = ["EVERYTHING", "No", "Promise", "Promises", "TransportConformance"]


class TransportConformance(Sending, Receiving, Failing, Lasting):
    """The suite. Each test has an exchange and queues of its own."""
