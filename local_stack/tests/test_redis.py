"""The Redis server of the tests keeps what it confirmed."""

import socket

import pytest

from local_stack.errors import StackError
from local_stack.redis import PrivateRedis, answers


def call(server: PrivateRedis, *words: str) -> bytes:
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
        connection.sendall(" ".join(words).encode() + b"\r\n")
        return connection.recv(100)


def test_what_was_written_outlives_a_kill() -> None:
    try:
        server = PrivateRedis()
    except StackError as error:
        pytest.skip(str(error))
    with server:
        assert call(server, "SET", "name", "value") == b"+OK\r\n"

        server.kill()
        assert not answers(server.port)
        server.start()

        assert call(server, "GET", "name") == b"$5\r\nvalue\r\n"
