"""Voxqueue in a Flask app: hand in a recording, ask how far it is, be told when it is done."""

import os
import sys

from flask import Flask, Response, jsonify, request
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from pipeline.errors import VoxqueueError
from workers import client

app = Flask(__name__)
callback_url = os.environ["CALLBACK_URL"]
webhook = Webhook(os.environ["WEBHOOK_SECRET"])
told: set[str] = set()  # a real app keeps this in its database


@app.post("/calls")
def hand_in() -> tuple[Response, int]:
    """Take a recording; returns as soon as the job is written down, before anything is transcribed."""
    file = request.files["file"]
    job = client.enqueue(file.stream, file_name=file.filename or "call", callback_url=callback_url)
    return jsonify(id=job.id, status=job.state), 202


@app.get("/calls/<job_id>")
def look(job_id: str) -> Response:
    """How far the transcript is, and the text once there is one."""
    job = client.status(job_id)
    text = client.result(job_id).text if job.state == "completed" else None
    return jsonify(status=job.state, progress=job.progress, text=text, told=job_id in told)


@app.post("/hooks/voxqueue")
def hear() -> tuple[str, int]:
    """What Voxqueue calls when a job has ended: verify, note, answer at once."""
    try:
        event = webhook.verify(request.get_data(as_text=True), dict(request.headers))
    except WebhookVerificationError:
        return "", 401
    told.add(event["data"]["job_id"])
    return "", 204


@app.errorhandler(VoxqueueError)
def explain(error: VoxqueueError) -> tuple[Response, int]:
    """Every error has a stable code and a sentence for people."""
    return jsonify(code=error.code, detail=error.sentence), 404 if isinstance(error, LookupError) else 422


if __name__ == "__main__":
    app.run(port=int(sys.argv[1]) if sys.argv[1:] else 8000)
