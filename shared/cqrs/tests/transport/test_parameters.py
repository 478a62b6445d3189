"""settings.CQRS, read as parameters of a connection."""

import os
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from dj_cqrs.exceptions import ConfigurationError
from dj_cqrs.transport.rabbit_mq.parameters import connection_parameters


def parameters(settings: Settings, **cqrs: Any) -> Any:
    settings.CQRS = {"transport": "dj_cqrs.transport.RabbitMQTransport", **cqrs}
    (read,) = connection_parameters("relay")
    return read


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("amqp://ann:pw@mq:5673/shop", ("mq", 5673, "shop", "ann", "pw")),
        ("amqp://mq", ("mq", 5672, "/", "guest", "guest")),  # the defaults of AMQP
        ("amqp://mq/", ("mq", 5672, "/", "guest", "guest")),  # as django-cqrs reads it
        ("amqp://ann:pw@mq/%2F", ("mq", 5672, "/", "ann", "pw")),
        ("amqp://ann:pw@mq/a%2Fb", ("mq", 5672, "a/b", "ann", "pw")),
        ("amqp://a%40b:p%3A%2F%25w@mq/", ("mq", 5672, "/", "a@b", "p:/%w")),
        ("amqp://ann:@mq/", ("mq", 5672, "/", "ann", "")),
        ("amqp://[::1]:5673/", ("::1", 5673, "/", "guest", "guest")),
    ],
)
def test_url_is_read(
    settings: Settings, url: str, expected: tuple[str, int, str, str, str]
) -> None:
    read = parameters(settings, url=url)

    credentials = read.credentials
    assert expected == (
        read.host,
        read.port,
        read.virtual_host,
        credentials.username,
        credentials.password,
    )


@pytest.mark.parametrize(
    "url",
    [
        "amqp://ann:a,b@mq1/shop,amqp://mq2:5673,amqps://mq3/",
        " amqp://ann:a,b@mq1/shop , amqp://mq2:5673 ,\n amqps://mq3/ ",
        ["amqp://ann:a,b@mq1/shop", "amqp://mq2:5673", "amqps://mq3/"],
        ("amqp://ann:a,b@mq1/shop", "amqp://mq2:5673", "amqps://mq3/"),
    ],
)
def test_each_node_of_a_cluster_has_a_url_of_its_own(settings: Settings, url: Any) -> None:
    settings.CQRS = {"transport": "dj_cqrs.transport.RabbitMQTransport", "url": url}
    nodes = connection_parameters("relay")

    assert [(node.host, node.port, node.virtual_host) for node in nodes] == [
        ("mq1", 5672, "shop"),
        ("mq2", 5673, "/"),
        ("mq3", 5671, "/"),
    ]
    assert nodes[0].credentials.password == "a,b"
    assert [node.ssl_options is not None for node in nodes] == [False, False, True]


def test_parts_are_read_where_there_is_no_url(settings: Settings) -> None:
    read = parameters(settings, host="mq", port=5673, user="ann", password="pw")

    assert (read.host, read.port, read.virtual_host) == ("mq", 5673, "/")
    assert (read.credentials.username, read.credentials.password) == ("ann", "pw")


@pytest.mark.parametrize("where", [{"url": "amqp://ann@mq/"}, {"user": "ann"}])
def test_the_password_of_a_file_is_read_for_each_connection(
    settings: Settings, tmp_path: Path, where: dict[str, str]
) -> None:
    file = tmp_path / "password"
    for password in ("first", "p@ss/w%20rd "):
        file.write_text(f"{password}\n")
        credentials = parameters(settings, password_file=str(file), **where).credentials
        assert (credentials.username, credentials.password) == ("ann", password)


def test_the_url_of_a_function_is_asked_for_with_each_connection(settings: Settings) -> None:
    urls = iter(["amqp://ann:one@mq/", "amqp://bob:two@mq/"])
    settings.CQRS = {
        "transport": "dj_cqrs.transport.RabbitMQTransport",
        "url": lambda: next(urls),
    }
    users = [connection_parameters("relay")[0].credentials.username for _ in range(2)]

    assert users == ["ann", "bob"]


def test_nothing_set_means_a_broker_on_this_machine(settings: Settings) -> None:
    read = parameters(settings)

    assert (read.host, read.port, read.credentials.username) == ("localhost", 5672, "guest")


def test_every_time_has_a_limit_by_default(settings: Settings) -> None:
    read = parameters(settings)

    assert read.heartbeat == 60
    assert read.blocked_connection_timeout == 10
    assert read.socket_timeout == 5
    assert read.stack_timeout == 10


def test_times_come_from_the_query_then_from_the_settings(settings: Settings) -> None:
    read = parameters(
        settings,
        url="amqp://mq/?heartbeat=7&stack_timeout=1.5",
        heartbeat=30,
        blocked_connection_timeout=3,
    )

    assert (read.heartbeat, read.stack_timeout, read.blocked_connection_timeout) == (7, 1.5, 3)


def test_connection_says_which_service_and_process_it_belongs_to(
    settings: Settings,
) -> None:
    name = parameters(settings, queue="storefront").client_properties["connection_name"]

    assert " relay " in name
    assert f"pid {os.getpid()}" in name


@pytest.mark.parametrize(
    ("cqrs", "message"),
    [
        ({"url": "http://mq"}, 'Scheme must be "amqp" for RabbitMQTransport'),
        ({"url": "redis://mq"}, 'scheme "redis"'),
        ({"url": "localhost:5672"}, "Scheme must be"),
        ({"url": "amqp://mq:port/"}, "cannot be read"),
        ({"url": "amqp://mq1,mq2/"}, "write a whole URL for each"),
        ({"url": "amqp://mq1:5672,mq2:5672/"}, "cannot be read"),
        ({"url": "amqp://mq1/,"}, "ends with a comma"),
        ({"url": "amqp://mq1/,http://mq2/"}, 'scheme "http"'),
        ({"url": ["amqp://mq1/", ""]}, "a list of them"),
        ({"url": ["amqp://mq1/", None]}, "a list of them"),
        ({"url": {"amqp://mq1/"}}, "a list of them"),
        ({"url": 5}, "a list of them"),
        ({"url": "amqp://mq:99999/"}, "cannot be read"),
        ({"url": "amqp://[::1/"}, "cannot be read"),
        ({"url": "amqp://mq/a/b"}, "%2F"),
        ({"url": "amqp://mq/?heartbeats=3"}, "unknown option 'heartbeats'"),
        ({"url": "amqp://mq/?heartbeat=often"}, "number of seconds, not 'often'"),
        ({"url": "amqp://mq/?heartbeat=-1"}, "number of seconds"),
        ({"url": "amqp://mq/?stack_timeout=inf"}, "number of seconds"),
        ({"url": "amqp://mq/?socket_timeout=0"}, "number of seconds"),
        ({"blocked_connection_timeout": None}, "number of seconds, not None"),
        ({"url": 5}, "or a function that returns"),
        ({"url": lambda: 1 / 0}, "function failed with ZeroDivisionError"),
        ({"url": lambda: None}, "must return the URL as a string"),
        ({"password_file": "/nowhere"}, "'/nowhere' cannot be read: FileNotFoundError"),
        ({"password_file": "/dev/null"}, "'/dev/null' is empty"),
        ({"password_file": "/dev/null", "password": "x"}, "remove one of them"),
        ({"password_file": "/dev/null", "url": "amqp://ann:pw@mq/"}, "remove one of them"),
    ],
)
def test_mistake_is_named(settings: Settings, cqrs: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        parameters(settings, **cqrs)


@pytest.mark.parametrize("url", ["http://ann:s3cret@mq", "amqp://ann:s3cret#@mq:5672/"])
def test_password_is_never_shown(settings: Settings, url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parameters(settings, url=url)

    assert "s3cret" not in str(caught.value)
    assert caught.value.__cause__ is None
