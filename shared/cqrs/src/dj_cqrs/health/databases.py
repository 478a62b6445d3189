"""Which databases a service needs, and whether they can be used."""

import logging

from django.apps import apps
from django.db import DEFAULT_DB_ALIAS, connections, router
from django.db.migrations.executor import MigrationExecutor

from dj_cqrs import conf
from dj_cqrs.health.report import Check
from dj_cqrs.registries import MasterRegistry

logger = logging.getLogger("django-cqrs")


def of_outboxes() -> list[str]:
    """The databases that have an outbox: those of the master models."""
    if not conf.outbox_is_installed():
        return []
    models = MasterRegistry.models.values()
    return list(dict.fromkeys(router.db_for_write(model) for model in models))


def of_inboxes() -> list[str]:
    """The databases that have an inbox; the workers' signs of life are in the first."""
    if not conf.inbox_is_installed():
        return []
    from dj_cqrs.replica.batch import aliases

    return aliases()


def check_databases() -> list[Check]:
    """Looks whether each database answers and has the tables that the code expects."""
    used = [*_default(), *of_outboxes(), *of_inboxes()]
    return [_check(using) for using in dict.fromkeys(used)]


def named(name: str, using: str) -> str:
    """The name of a check of one database."""
    return name if using == DEFAULT_DB_ALIAS else f"{name}[{using}]"


def _default() -> list[str]:
    engine = connections[DEFAULT_DB_ALIAS].settings_dict["ENGINE"]
    return [] if engine == "django.db.backends.dummy" else [DEFAULT_DB_ALIAS]


def _check(using: str) -> Check:
    name = named("database", using)
    try:
        executor = MigrationExecutor(connections[using])
        missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except Exception:  # any reason is a reason; the log has it, the answer stays free of addresses
        logger.exception("The database %r cannot be used", using)
        return Check(name, False, "It cannot be used; the log says why.")
    if missing:
        advice = "run `python manage.py migrate`"
        return Check(name, False, f"{len(missing)} migrations are not applied; {advice}.")
    return Check(name, True, f"It answers, with all tables of {len(apps.app_configs)} apps.")
