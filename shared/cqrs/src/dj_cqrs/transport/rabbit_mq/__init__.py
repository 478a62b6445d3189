"""RabbitMQ: the only package here that imports pika."""

from dj_cqrs.transport.rabbit_mq.transport import RabbitMQTransport

__all__ = ["RabbitMQTransport"]
