"""Whatever the API's description allows, and what it does not: nothing makes the service fail.

schemathesis makes requests from the schema that the service itself publishes. A short run, the
same every time, is in every test run; the long one looks for what is not known yet.
"""

import os
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error

from master_service.wsgi import application

pytestmark = [pytest.mark.django_db, pytest.mark.timeout(600)]

TOKEN = {"Authorization": "Bearer current-token"}
#: Requests of each operation and mode.
LONG_RUN = int(os.environ.get("SCHEMATHESIS_EXAMPLES", "50"))

schema = schemathesis.openapi.from_wsgi("/api/schema/?format=json", application)
found: list[Any] = list(schema.get_all_operations())
OPERATIONS = {result.ok().label: result.ok() for result in found}
#: What takes nothing cannot be given anything wrong.
CASES = [
    *((label, GenerationMode.POSITIVE) for label in OPERATIONS),
    *(
        (label, GenerationMode.NEGATIVE)
        for label, operation in OPERATIONS.items()
        if [*operation.iter_parameters(), *operation.body.items]
    ),
]


@pytest.fixture(autouse=True)
def requests_keep_the_connection() -> Iterator[None]:
    """As with Django's own test client: it is the one that the test's transaction is on."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


def look_for_failures(operation: Any, mode: GenerationMode, **how: Any) -> None:
    """Send requests of one operation; all are in the transaction of one test."""

    @settings(
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.explicit, Phase.generate],  # what failed is shown as it was found
        **how,
    )
    @given(operation.as_strategy(generation_mode=mode))
    def send(case: Any) -> None:
        case.call_and_validate(checks=[not_a_server_error], headers=TOKEN)

    send()


@pytest.mark.parametrize(("label", "mode"), CASES)
def test_no_request_makes_the_service_fail(label: str, mode: GenerationMode) -> None:
    look_for_failures(OPERATIONS[label], mode, max_examples=3, derandomize=True)


@pytest.mark.slow
@pytest.mark.parametrize(("label", "mode"), CASES)
def test_no_request_of_many_makes_the_service_fail(label: str, mode: GenerationMode) -> None:
    look_for_failures(OPERATIONS[label], mode, max_examples=LONG_RUN)
