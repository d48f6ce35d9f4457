"""The door in OpenAI's shape, on the same durable queue: its clients work unchanged, with another `base_url`.

A recording that is not done in time goes on; the answer is then 202 with the job, as of the native routes.
"""

import json
import math
import zlib
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from pydantic import BaseModel, Field, ValidationError

from api.errors import InvalidRequest, ModelUnknown
from api.routes.jobs import job_out, waited_for
from api.routes.submit import IdempotencyKey, hand_in, handing_in
from api.routes.transcripts import MEDIA_TYPES, visible
from api.schemas import JobConfig
from api.security import Caller, Reader, Writer
from api.uploads import Form, received_form
from pipeline.errors import InputError
from pipeline.options import DecodeOptions, JobOptions
from pipeline.render import render
from pipeline.values import Transcript, Utterance
from workers.jobs import JobStatus
from workers.states import JobState

router = APIRouter(tags=["openai"])

ALIAS = "whisper-1"
"""The name that programs written for OpenAI have in them; here it means the model that is installed."""
_WAIT_S = 300.0
_FORMATS = ("json", "text", "srt", "verbose_json", "vtt", "diarized_json")
_GRANULARITIES = {"word", "segment"}
_LANGUAGES = {"", "en", "english"}
_OF_THE_CALLER = frozenset(kind.code for kind in InputError.__subclasses__())
_ERROR = {"application/json": {"schema": {"type": "object", "required": ["error"]}}}
_RESPONSES: dict[int | str, dict[str, Any]] = {
    status: {"description": HTTPStatus(status).phrase, "content": _ERROR}
    for status in (400, 401, 403, 404, 408, 409, 413, 415, 429, 500, 503)
}
_FORM: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file", "model"],
                    "properties": {
                        "file": {"type": "string", "format": "binary"},
                        "model": {"type": "string", "examples": [ALIAS]},
                        "language": {"type": "string", "enum": ["en"]},
                        "prompt": {"type": "string", "description": "Words to expect, with commas."},
                        "response_format": {"type": "string", "enum": list(_FORMATS)},
                        "temperature": {"type": "number", "minimum": 0, "maximum": 1},
                        "timestamp_granularities[]": {"type": "array", "items": {"enum": sorted(_GRANULARITIES)}},
                        "stream": {"type": "boolean"},
                    },
                }
            }
        },
    }
}


class Wish(BaseModel):
    """The fields of a request that mean something here; others are let pass, as clients send more every year."""

    model: str = Field(min_length=1)
    language: str = ""
    prompt: str = Field("", max_length=20_000)
    response_format: str = "json"
    temperature: float = Field(0.0, ge=0, le=1)
    stream: bool = False
    granularities: frozenset[str] = frozenset()


@router.post(
    "/v1/audio/transcriptions",
    summary="Transcribe, as with OpenAI",
    openapi_extra=_FORM,
    response_class=Response,
    responses=_RESPONSES
    | {
        200: {
            "description": "The transcript.",
            "content": {"application/json": {"schema": {"type": "object", "required": ["text"]}}, "text/plain": {}},
        },
        202: {"description": "It takes longer: the job.", "content": {"application/json": {}}},
    },
)
async def transcribe(request: Request, caller: Writer, idempotency_key: IdempotencyKey = None) -> Response:
    """Waits for the transcript. `temperature` has no effect; a beam search is not drawn by lot."""
    with handing_in(caller, idempotency_key):
        async with received_form(request, caller.services.upload_limits, caller.services.write) as form:
            wish = read_wish(form)
            _check_model(caller, wish.model)
            words = tuple(word.strip()[:100] for word in wish.prompt.split(",") if word.strip())[:500]
            config = JobConfig(options=JobOptions(decode=DecodeOptions(hotwords=words)))
            job = await hand_in(caller, form, config, idempotency_key)
    job = await waited_for(caller, job.id, _WAIT_S)
    if not job.is_final:
        headers = {"Location": f"/v1/jobs/{job.id}"}
        return JSONResponse(job_out(caller, job).model_dump(mode="json"), HTTPStatus.ACCEPTED, headers)
    if job.state is not JobState.COMPLETED:
        return _failure(job)
    return _answer(wish, await caller.services.read(visible, caller, job.id))


@router.get("/v1/models", summary="List models, as with OpenAI", responses=_RESPONSES)
async def list_models(caller: Reader) -> dict[str, Any]:
    """The model that is installed, and the name that stands for it."""
    return {"object": "list", "data": [_model(name) for name in _names(caller)]}


@router.get("/v1/models/{model:path}", summary="Look at a model, as with OpenAI", responses=_RESPONSES)
async def get_model(model: str, caller: Reader) -> dict[str, Any]:
    """One of the models."""
    _check_model(caller, model)
    return _model(model)


def read_wish(form: Form) -> Wish:
    """What the fields of a form ask for.

    Raises:
        InvalidRequest: the impossible, or nothing.
    """
    given = {name: form.only(name) for name in Wish.model_fields if name in form.fields}
    asked = form.fields.get("timestamp_granularities[]", []) + form.fields.get("timestamp_granularities", [])
    try:
        wish = Wish.model_validate({**given, "granularities": asked})
    except ValidationError as error:
        places = [(str(each["loc"][0]), each["msg"]) for each in error.errors()]
        raise InvalidRequest(": ".join(places[0]), places) from error
    _check("response_format", wish.response_format in _FORMATS, f"one of {', '.join(_FORMATS)}")
    _check("language", wish.language.lower() in _LANGUAGES, "the model knows English only")
    _check("timestamp_granularities", wish.granularities <= _GRANULARITIES, "word or segment")
    is_verbose = wish.response_format == "verbose_json"
    _check("timestamp_granularities", is_verbose or not wish.granularities, "only with verbose_json")
    return wish


def _check(field: str, holds: bool, message: str) -> None:
    if not holds:
        raise InvalidRequest(f"{field}: {message}", [(field, message)])


def _failure(job: JobStatus) -> Response:
    """Why there is no transcript: the recording, somebody who stopped the job, or us."""
    code = job.error_code or str(job.state)
    is_ours = job.state is JobState.FAILED and code not in _OF_THE_CALLER
    error = {
        "message": f"{job.error_message or 'The job ended without a transcript.'} ({code})",
        "type": "server_error" if is_ours else "invalid_request_error",
        "param": None if is_ours else "file",
        "code": code.lower(),
    }
    status = HTTPStatus.INTERNAL_SERVER_ERROR if is_ours else HTTPStatus.BAD_REQUEST
    # OpenAI's clients would send it all again by themselves; what can be tried again was, by the queue.
    return JSONResponse({"error": error}, status, {"X-Should-Retry": "false"})


def _answer(wish: Wish, transcript: Transcript) -> Response:
    if wish.stream:
        return StreamingResponse(_deltas(transcript), media_type="text/event-stream")
    text = " ".join(utterance.text for utterance in transcript.utterances)
    match wish.response_format:
        case "text":
            return PlainTextResponse(f"{text}\n")
        case "srt" | "vtt" as subtitles:
            return Response(render(transcript, subtitles), media_type=MEDIA_TYPES[subtitles])
        case "verbose_json":
            return JSONResponse(_verbose(transcript, text, wish.granularities))
        case "diarized_json":
            return JSONResponse(_diarized(transcript, text))
    return JSONResponse({"text": text, "usage": _usage(transcript)})


def _deltas(transcript: Transcript) -> Iterator[str]:
    pieces = [utterance.text for utterance in transcript.utterances]
    for index, piece in enumerate(pieces):
        yield _message({"type": "transcript.text.delta", "delta": f" {piece}" if index else piece})
    yield _message({"type": "transcript.text.done", "text": " ".join(pieces), "usage": _usage(transcript)})


def _message(data: dict[str, Any]) -> str:
    return f"event: {data['type']}\ndata: {json.dumps(data)}\n\n"


def _verbose(transcript: Transcript, text: str, granularities: frozenset[str]) -> dict[str, Any]:
    document: dict[str, Any] = {
        "task": "transcribe",
        "language": "english" if transcript.language == "en" else transcript.language,
        "duration": transcript.recording.duration_s,
        "text": text,
        "usage": _usage(transcript),
    }
    if not granularities or "segment" in granularities:
        document["segments"] = [_segment(place, each) for place, each in enumerate(transcript.utterances)]
    if "word" in granularities:
        document["words"] = [
            {"word": word.text, "start": word.start_s, "end": word.end_s, "confidence": word.confidence}
            | {"channel": utterance.channel, "speaker": utterance.role}
            for utterance in transcript.utterances
            for word in utterance.words
        ]
    return document


def _segment(place: int, utterance: Utterance) -> dict[str, Any]:
    written = utterance.text.encode()
    return {
        "id": place,
        "seek": 0,
        "start": utterance.start_s,
        "end": utterance.end_s,
        "text": utterance.text,
        "tokens": [],
        "temperature": 0.0,
        "avg_logprob": math.log(max(utterance.confidence, 1e-6)),
        "compression_ratio": len(written) / len(zlib.compress(written)),
        "no_speech_prob": 0.0,
        "channel": utterance.channel,
        "speaker": utterance.role,
        "confidence": utterance.confidence,
    }


def _diarized(transcript: Transcript, text: str) -> dict[str, Any]:
    segments = [
        {
            "type": "transcript.text.segment",
            "id": f"seg_{place}",
            "start": utterance.start_s,
            "end": utterance.end_s,
            "text": utterance.text,
            # OpenAI calls those whom it does not know A, B, ...
            "speaker": utterance.role or chr(ord("A") + utterance.channel),
        }
        for place, utterance in enumerate(transcript.utterances)
    ]
    duration_s = transcript.recording.duration_s
    document = {"task": "transcribe", "duration": duration_s, "text": text, "segments": segments}
    return document | {"usage": _usage(transcript)}


def _usage(transcript: Transcript) -> dict[str, Any]:
    return {"type": "duration", "seconds": math.ceil(transcript.recording.duration_s)}


def _names(caller: Caller) -> list[str]:
    return [caller.services.settings.model, ALIAS]


def _check_model(caller: Caller, name: str) -> None:
    if name not in _names(caller):
        raise ModelUnknown(name[:100])


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "voxqueue"}
