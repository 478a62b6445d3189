"""A test that finds no server is skipped with the reason, and fails in CI."""

import pytest

pytest_plugins = ["pytester"]

TEST_FILE = "def test_something(rabbitmq_url): assert rabbitmq_url.startswith('amqp://')"
NO_SERVER = """
import pytest
from local_stack import packages, rabbitmq_node

@pytest.fixture(autouse=True, scope="session")
def machine_without_rabbitmq():
    patch = pytest.MonkeyPatch()
    patch.setenv("TEST_SERVERS", "local")
    patch.setattr(rabbitmq_node, "find_scripts", lambda: None)
    patch.setattr(packages, "may_install", lambda: False)
    yield
    patch.undo()
"""


@pytest.fixture
def no_server(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    monkeypatch.delenv("CI", raising=False)
    pytester.makeconftest(NO_SERVER)
    pytester.makepyfile(TEST_FILE)
    return pytester


def test_without_a_server_a_test_is_skipped_with_the_reason(no_server: pytest.Pytester) -> None:
    result = no_server.runpytest("-rs")

    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["*RabbitMQ is not installed*apt-get install rabbitmq-server*"])


def test_without_a_server_a_test_fails_in_ci(
    no_server: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", "true")

    result = no_server.runpytest()

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*CI needs real servers*"])


def test_the_run_says_which_server_it_used(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_SERVERS", "local")
    pytester.makepyfile(TEST_FILE)

    result = pytester.runpytest()

    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["server: a private RabbitMQ node*(TEST_SERVERS=local)"])
