"""Kombu's brokers (``amqp://``, ``redis://``, ``filesystem://``); nothing else imports kombu."""

from dj_cqrs.transport.kombu.transport import KombuTransport

__all__ = ["KombuTransport"]
