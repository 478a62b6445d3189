"""The broker's users and limits are the same with Docker and without."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from local_stack.errors import ServerUnavailableError, StackError
from local_stack.stack import broker
from local_stack.stack.broker import broker_definitions, service_url, transport_path, with_broker
from local_stack.stack.environment import DEFAULTS, SECRETS, Environment

ROOT = Path(__file__).resolve().parents[2]
VARIABLES = {**DEFAULTS, **{name: f"value-of-{name}" for name in SECRETS}}


def definitions_of_compose() -> Any:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    text: str = compose["configs"]["rabbitmq-definitions"]["content"]
    text = re.sub(r"\$\{(\w+)(:[-?][^}]*)?\}", lambda match: VARIABLES[match[1]], text)
    return json.loads(text.replace("$$", "$"))


def test_docker_compose_and_the_local_stack_define_the_same_broker() -> None:
    assert broker_definitions(Environment(ROOT, VARIABLES)) == definitions_of_compose()


def test_nobody_but_the_administrator_may_do_everything() -> None:
    permissions = broker_definitions(Environment(ROOT, VARIABLES))["permissions"]

    everything = [p["user"] for p in permissions if ".*" in (p["configure"], p["write"])]

    assert everything == ["admin"]


@pytest.mark.parametrize("service", ["master", "replica", "notifier"])
def test_services_log_in_as_themselves_unless_told_otherwise(service: str) -> None:
    variables = Environment(ROOT, VARIABLES)
    elsewhere = Environment(ROOT, {**VARIABLES, "CQRS_URL": "amqp://broker/"})

    assert service_url(variables, service, 5).startswith(f"amqp://{service}:value-of-RABBITMQ_")
    assert service_url(elsewhere, service, 5) == "amqp://broker/"


def test_files_are_the_broker_only_where_rabbitmq_cannot_be_had(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def nowhere() -> Path:
        raise ServerUnavailableError("RabbitMQ is not installed")

    variables = Environment(tmp_path, VARIABLES)
    monkeypatch.setattr(broker, "install_scripts", nowhere)

    url = service_url(with_broker(variables), "master", 5)

    assert url == f"filesystem://{tmp_path}/.stack/broker"
    assert transport_path(url) == "dj_cqrs.transport.KombuTransport"
    with pytest.raises(ServerUnavailableError):
        with_broker(Environment(tmp_path, {**VARIABLES, "BROKER": "rabbitmq"}))

    monkeypatch.setattr(broker, "install_scripts", lambda: Path("/"))
    assert with_broker(variables) == variables


def test_a_broker_that_nobody_knows_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StackError, match="BROKER=pigeons: write rabbitmq or filesystem"):
        with_broker(Environment(tmp_path, {**VARIABLES, "BROKER": "pigeons"}))


def test_a_broker_that_is_named_is_used(tmp_path: Path) -> None:
    named = Environment(tmp_path, {**VARIABLES, "CQRS_URL": "redis://broker/0"})

    assert with_broker(named) == named
    assert transport_path("redis://broker/0") == "dj_cqrs.transport.KombuTransport"
    assert transport_path("amqp://broker/") == "dj_cqrs.transport.RabbitMQTransport"
