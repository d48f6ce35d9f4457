"""A recording behind a URL is fetched by the worker that reads it: once, within limits, from nowhere it must not be."""

import gzip
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace

import pytest
from celery.exceptions import Ignore

from pipeline.stages import Step
from tests.integration.conftest import RuntimeMaker
from tests.sinks import ADDRESS, Handler, Sink, sink
from workers.client import Client
from workers.errors import Fenced
from workers.jobs import ArtifactRef, JobStatus
from workers.jobs.results import Result
from workers.runtime import Runtime
from workers.states import JobState, StepState
from workers.task import Hold, run_step
from workers.tasks.fetching import fetch

Answer = Callable[[Handler], None]


@pytest.fixture
def server() -> Iterator[Sink]:
    with sink() as made:
        made.answer = lambda handler: handler.send(body=b"speech")
        yield made


@pytest.fixture
def worker(make_test_runtime: RuntimeMaker) -> Runtime:
    return make_test_runtime(
        fetch_urls=True, outbound_allow=ADDRESS, max_upload_bytes=100_000, fetch_timeout_s=1.0, max_retries=1
    )


def hand_in(worker: Runtime, url: str) -> str:
    with Client(worker.settings) as client:
        return client.enqueue(url=url).id


def fetch_once(worker: Runtime, job_id: str) -> JobStatus:
    """Run the step as a worker does; what is fetched is all that it leaves."""

    def work(runtime: Runtime, hold: Hold) -> Result:
        ref = fetch(runtime, hold)
        with runtime.store.open(ref) as file:
            assert file.read() == b"speech"
        return Result(artifact=ArtifactRef(f"{job_id}/preprocess.1", ref.sha256, 1), duration_s=1.0)

    with suppress(Ignore):
        run_step(worker, Step.PREPROCESS, job_id, work)
    return worker.jobs.status(job_id)


def test_the_worker_fetches_what_the_link_names(worker: Runtime, server: Sink) -> None:
    job = fetch_once(worker, hand_in(worker, server.url("/call.wav")))
    assert job.steps[0].state is StepState.DONE
    assert len(server.came) == 1


def test_who_tries_again_finds_the_recording_and_does_not_ask_again(worker: Runtime, server: Sink) -> None:
    job_id = hand_in(worker, server.url("/call.wav"))
    first = worker.jobs.claim(Step.PREPROCESS, job_id, "worker")
    assert first is not None
    with Hold(worker, first) as hold:
        ref = fetch(worker, hold)
    worker.jobs.keep_recording(first, ref)
    worker.jobs.give_back(first)
    again = worker.jobs.claim(Step.PREPROCESS, job_id, "worker")
    assert again is not None
    assert again.input == again.source == ref
    assert len(server.came) == 1


def test_a_worker_that_lost_the_step_writes_nothing(worker: Runtime, server: Sink) -> None:
    job_id = hand_in(worker, server.url("/call.wav"))
    lost = worker.jobs.claim(Step.PREPROCESS, job_id, "worker")
    assert lost is not None
    worker.jobs.give_back(lost)
    with pytest.raises(Fenced):
        worker.jobs.keep_recording(lost, lost.input)


def test_a_server_that_is_away_for_a_moment_is_asked_again(worker: Runtime, server: Sink) -> None:
    server.answer = lambda handler: handler.send(503 if len(server.came) == 1 else 200, b"speech")
    job_id = hand_in(worker, server.url("/call.wav"))
    assert fetch_once(worker, job_id).steps[0].state is StepState.READY
    time.sleep(0.05)
    assert fetch_once(worker, job_id).steps[0].state is StepState.DONE


def redirect_to(url: str) -> Answer:
    return lambda handler: handler.send(302, Location=url)


def stall(handler: Handler) -> None:
    handler.send_response(200)
    handler.end_headers()
    for _ in range(40):
        handler.wfile.write(b"x")
        handler.wfile.flush()
        time.sleep(0.1)


BOMB = gzip.compress(bytes(5_000_000))
BAD: dict[str, tuple[Answer, str]] = {
    "redirect to this host": (redirect_to("https://127.0.0.1/"), "URL_NOT_ALLOWED"),
    "redirect to the cloud's secrets": (redirect_to("http://169.254.169.254/latest/meta-data/"), "URL_NOT_ALLOWED"),
    "redirect to a disguised address": (redirect_to("https://0x7f.1/"), "URL_NOT_ALLOWED"),
    "redirect to a mapped address": (redirect_to("https://[::ffff:127.0.0.1]/"), "URL_NOT_ALLOWED"),
    "redirect to a broker": (redirect_to("https://93.184.216.34:6379/"), "URL_NOT_ALLOWED"),
    "redirect with a password": (redirect_to("https://root@93.184.216.34/"), "URL_NOT_ALLOWED"),
    "redirects for ever": (redirect_to("/again"), "URL_NOT_ALLOWED"),
    "a byte a while": (stall, "FETCH_TIMEOUT"),
    "a bomb": (lambda handler: handler.send(body=BOMB, Content_Encoding="gzip"), "TOO_LARGE"),
    "too long": (lambda handler: handler.send(body=bytes(100_001)), "TOO_LARGE"),
    "nothing": (lambda handler: handler.send(), "EMPTY_UPLOAD"),
    "no such file": (lambda handler: handler.send(404, b"<html>"), "FETCH_FAILED"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_server_costs_its_own_job_and_says_why(worker: Runtime, server: Sink, kind: str) -> None:
    server.answer, code = BAD[kind]
    job_id = hand_in(worker, server.url("/call.wav"))
    job = fetch_once(worker, job_id)
    if job.state is not JobState.FAILED:
        time.sleep(0.05)
        job = fetch_once(worker, job_id)
    assert (job.state, job.error_code) == (JobState.FAILED, code)
    assert len(server.came) <= 6


def test_a_canceled_job_stops_its_fetch(worker: Runtime, server: Sink) -> None:
    patient = worker.settings.model_copy(update={"fetch_timeout_s": 30.0})
    server.answer = stall
    job_id = hand_in(worker, server.url("/call.wav"))
    lease = worker.jobs.claim(Step.PREPROCESS, job_id, "worker")
    assert lease is not None
    worker.jobs.cancel(job_id)
    started_at = time.monotonic()
    with pytest.raises(Fenced), Hold(worker, lease) as hold:
        fetch(replace(worker, settings=patient), hold)
    assert time.monotonic() - started_at < 3


def test_a_worker_that_may_not_fetch_says_so(make_test_runtime: RuntimeMaker, worker: Runtime, server: Sink) -> None:
    job_id = hand_in(worker, server.url("/call.wav"))
    unwilling = make_test_runtime(fetch_urls=False)
    job = fetch_once(unwilling, job_id)
    assert (job.state, job.error_code) == (JobState.FAILED, "URL_NOT_ALLOWED")
    assert server.came == []
