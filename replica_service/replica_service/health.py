"""Health for whoever starts and watches the service: is it alive, can it do its work."""

import logging
from http import HTTPStatus

from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

logger = logging.getLogger(__name__)


@require_safe
def livez(request: HttpRequest) -> HttpResponse:
    """200 while the process serves; looks at nothing else, so that a restart would help."""
    return JsonResponse({"status": "ok"})


@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """200 if requests can be answered, else 503 with the reasons.

    The broker is not asked: reads go on without it.
    """
    reasons = _database_problems()
    if reasons:
        return JsonResponse(
            {"status": "unavailable", "reasons": reasons}, status=HTTPStatus.SERVICE_UNAVAILABLE
        )
    return JsonResponse({"status": "ok"})


def _database_problems() -> list[str]:
    try:
        executor = MigrationExecutor(connection)
        missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except Exception:  # any reason is a reason; the log has it, the answer stays free of addresses
        logger.exception("readyz: the database cannot be used")
        return ["The database cannot be used; the log says why."]
    if missing:
        return [f"{len(missing)} migrations are not applied; run `python manage.py migrate`."]
    return []
