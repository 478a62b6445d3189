"""Transports, from outside."""

import pytest

pytest.register_assert_rewrite("tests.transport.conformance", "tests.transport.messages")
