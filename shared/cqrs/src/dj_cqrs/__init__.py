"""CQRS replication of Django models: every committed change on the master reaches its replicas.

Models live in ``dj_cqrs.mixins``, which is not imported here: it needs a ready app registry.
"""
