"""What docs/rabbitmq.md says of settings is true."""

import re
from pathlib import Path
from typing import Any

from pytest_django import Settings

from dj_cqrs import conf
from dj_cqrs.transport.rabbit_mq.parameters import connection_parameters

PAGE = (Path(__file__).parents[4] / "docs" / "rabbitmq.md").read_text()


def test_example_of_the_settings_works(settings: Settings) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    names: dict[str, Any] = {}
    exec(example, names)
    settings.CQRS = {**names["CQRS"], "tls": {}}  # the file is nowhere but in the example

    (read,) = connection_parameters("relay")

    assert names["CQRS"]["tls"].keys() == {"ca_file"}
    assert (read.host, read.port, read.virtual_host) == ("broker.example", 5671, "shop")
    assert read.ssl_options is not None


def test_defaults_are_those_of_the_page(settings: Settings) -> None:
    settings.CQRS = {"transport": "dj_cqrs.transport.RabbitMQTransport"}
    (read,) = connection_parameters("relay")

    for name in ("heartbeat", "blocked_connection_timeout", "socket_timeout", "stack_timeout"):
        assert f"`{name}` ({getattr(read, name):g})" in PAGE
    assert f'`CQRS["produce_timeout"]` seconds ({conf.config().produce_timeout_seconds:g})' in PAGE
