"""Voxqueue in a Django project of one file: hand in a recording, ask how far it is, be told when it is done."""

import os
import sys

from django.conf import settings
from django.core.management import execute_from_command_line
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from pipeline.errors import VoxqueueError
from workers import client

settings.configure(
    ALLOWED_HOSTS=["127.0.0.1", "localhost"],
    MIDDLEWARE=[f"{__name__}.explain"],
    ROOT_URLCONF=__name__,
    SECRET_KEY=os.environ.get("SECRET_KEY", "only for trying out"),
)
callback_url = os.environ["CALLBACK_URL"]
webhook = Webhook(os.environ["WEBHOOK_SECRET"])
told: set[str] = set()  # a real app keeps this in its database


@csrf_exempt  # called by programs, not by forms of this site
@require_POST
def hand_in(request: HttpRequest) -> JsonResponse:
    """Take a recording; returns as soon as the job is written down, before anything is transcribed."""
    upload = request.FILES["file"]
    job = client.enqueue(upload.file, file_name=upload.name, callback_url=callback_url)
    return JsonResponse({"id": job.id, "status": job.state}, status=202)


@require_GET
def look(_request: HttpRequest, job_id: str) -> JsonResponse:
    """How far the transcript is, and the text once there is one."""
    job = client.status(job_id)
    text = client.result(job_id).text if job.state == "completed" else None
    return JsonResponse({"status": job.state, "progress": job.progress, "text": text, "told": job_id in told})


@csrf_exempt  # the signature says who calls
@require_POST
def hear(request: HttpRequest) -> HttpResponse:
    """What Voxqueue calls when a job has ended: verify, note, answer at once."""
    try:
        event = webhook.verify(request.body.decode(), dict(request.headers))
    except WebhookVerificationError:
        return HttpResponse(status=401)
    told.add(event["data"]["job_id"])
    return HttpResponse(status=204)


class explain:  # noqa: N801  # a middleware, named for what it does
    """Every error has a stable code and a sentence for people."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Let the view answer."""
        return self.get_response(request)

    def process_exception(self, _request: HttpRequest, error: Exception) -> JsonResponse | None:
        """Answer for errors of Voxqueue; others are Django's."""
        if not isinstance(error, VoxqueueError):
            return None
        status = 404 if isinstance(error, LookupError) else 422
        return JsonResponse({"code": error.code, "detail": error.sentence}, status=status)


urlpatterns = [path("calls", hand_in), path("calls/<str:job_id>", look), path("hooks/voxqueue", hear)]
application = get_wsgi_application()

if __name__ == "__main__":
    port = sys.argv[1] if sys.argv[1:] else "8000"
    execute_from_command_line([sys.argv[0], "runserver", port, "--noreload", "--skip-checks"])
