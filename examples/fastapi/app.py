"""Voxqueue in a FastAPI app: hand in a recording, ask how far it is, be told when it is done."""

import os
import sys
from typing import Annotated, Any

import uvicorn
from fastapi import FastAPI, Request, Response, UploadFile
from fastapi.responses import JSONResponse
from standardwebhooks.webhooks import Webhook, WebhookVerificationError
from starlette.concurrency import run_in_threadpool

from pipeline.errors import VoxqueueError
from workers import client

app = FastAPI()
callback_url = os.environ["CALLBACK_URL"]
webhook = Webhook(os.environ["WEBHOOK_SECRET"])
told: set[str] = set()  # a real app keeps this in its database


# Routes without async run in threads: the client blocks for a moment, for a disk and a database.
@app.post("/calls", status_code=202)
def hand_in(file: Annotated[UploadFile, "the recording"]) -> dict[str, Any]:
    """Take a recording; returns as soon as the job is written down, before anything is transcribed."""
    job = client.enqueue(file.file, file_name=file.filename or "call", callback_url=callback_url)
    return {"id": job.id, "status": job.state}


@app.get("/calls/{job_id}")
def look(job_id: str) -> dict[str, Any]:
    """How far the transcript is, and the text once there is one."""
    job = client.status(job_id)
    text = client.result(job_id).text if job.state == "completed" else None
    return {"status": job.state, "progress": job.progress, "text": text, "told": job_id in told}


@app.post("/hooks/voxqueue", status_code=204)
async def hear(request: Request) -> Response:
    """What Voxqueue calls when a job has ended: verify, note, answer at once."""
    body = await request.body()
    try:
        event = await run_in_threadpool(webhook.verify, body.decode(), dict(request.headers))
    except WebhookVerificationError:
        return Response(status_code=401)
    told.add(event["data"]["job_id"])
    return Response(status_code=204)


@app.exception_handler(VoxqueueError)
def explain(_request: Request, error: VoxqueueError) -> JSONResponse:
    """Every error has a stable code and a sentence for people."""
    status = 404 if isinstance(error, LookupError) else 422
    return JSONResponse({"code": error.code, "detail": error.sentence}, status)


if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[1]) if sys.argv[1:] else 8000)
