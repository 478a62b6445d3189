"""What a load balancer or an orchestrator asks over HTTP."""

from http import HTTPStatus

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from dj_cqrs.health.report import Report
from dj_cqrs.health.reporting import report


@require_safe
def livez(request: HttpRequest) -> HttpResponse:  # noqa: ARG001  (a view)
    """200 while the process serves; looks at nothing else, so that a restart would help."""
    return JsonResponse({"status": "ok"})


@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """200 if this service does all of its work, else 503; the body names what failed.

    ``?exclude=relay&exclude=outbox`` leaves checks out, as it does on Kubernetes: for a load
    balancer that should go on sending requests while changes arrive late. The broker is not
    asked: web processes hold no connection to it.
    """
    return answer(report(exclude=request.GET.getlist("exclude")))


def answer(found: Report) -> HttpResponse:
    """A report as a response."""
    status = HTTPStatus.OK if found.is_ok else HTTPStatus.SERVICE_UNAVAILABLE
    return JsonResponse(found.to_dict(), status=status)
