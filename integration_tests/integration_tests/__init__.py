"""What the end-to-end tests stand on: the services' processes, clients for them, and faults.

It knows the services as any other client does, through HTTP, AMQP and SQL, and imports nothing of
them.
"""
