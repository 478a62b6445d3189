"""The Django app of a master: the outbox table and the relay that publishes it."""
