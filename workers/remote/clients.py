"""The clients over HTTP: one that blocks and one for asyncio, with the verbs of `workers.client.Client`."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Self, Unpack

import httpx2

from pipeline.errors import InvalidOptions
from pipeline.options import DecodeOptions
from pipeline.render import OutputFormat, from_json
from pipeline.stages import Step
from pipeline.values import Transcript
from workers.client import JobDetails, Options, Roles, check_options
from workers.errors import ServerAway
from workers.jobs import JobStatus
from workers.remote import verbs
from workers.remote.upload import uploaded
from workers.remote.verbs import Call, Pause, Result, Verb, form_of, job_path
from workers.remote.wire import Heard, Reply, config_of, error_of, heard_of
from workers.sources import Source
from workers.states import JobState

_TIMEOUT = httpx2.Timeout(60.0, connect=10.0)
_RECONNECTS = 20
_RECONNECT_S = 1.0


def _arguments(url: str, key: str) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return {"base_url": url.rstrip("/"), "headers": headers, "timeout": _TIMEOUT}


def _wanted(
    source: Source | None, url: str | None, options: tuple[Options | None, Roles], details: JobDetails
) -> dict[str, Any]:
    if (source is None) is (url is None):
        raise InvalidOptions("a recording or a url, one of them")
    file_name = {"file_name": details["file_name"]} if url is not None and "file_name" in details else {}
    if file_name:
        raise InvalidOptions("what is fetched is called as its URL says")
    others = {name: value for name, value in details.items() if name != "file_name"}
    return config_of(check_options(*options), others)


class RemoteClient:
    """A door to a Voxqueue server; may be used by many threads. See `workers.client.Client` for each verb.

    Requests are repeated while the server is away or asks for patience. Every verb raises what it raises in process,
    and ServerAway; KeyRefused where the key is not good enough.
    """

    def __init__(self, url: str, key: str = "") -> None:
        self._http = httpx2.Client(**_arguments(url, key))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection."""
        self._http.close()

    def enqueue(
        self,
        source: Source | None = None,
        options: Options | None = None,
        *,
        url: str | None = None,
        roles: Roles = (),
        **details: Unpack[JobDetails],
    ) -> JobStatus:
        """Hand in a recording, or a URL that the server fetches."""
        config = _wanted(source, url, (options, roles), details)
        if source is None:
            return self._run(verbs.enqueue(str(url), config))
        with uploaded(source, details.get("file_name")) as upload:
            return self._run(verbs.enqueue(upload, config))

    def status(self, job_id: str) -> JobStatus:
        """The job and its steps as they are now."""
        return self._run(verbs.status(job_id))

    def wait(self, job_id: str, timeout_s: float | None = None) -> JobStatus:
        """The job once it has ended, well or not."""
        return self._run(verbs.wait(job_id, timeout_s))

    def result(self, job_id: str, version: int | None = None) -> Transcript:
        """The transcript."""
        return from_json(self.document(job_id, version))

    def document(self, job_id: str, version: int | None = None) -> str:
        """The transcript as the canonical JSON document."""
        return self.rendered(job_id, "json", version)

    def rendered(self, job_id: str, output_format: OutputFormat, version: int | None = None) -> str:
        """The transcript in a format."""
        return self._run(verbs.rendered(job_id, output_format, version))

    def cancel(self, job_id: str) -> bool:
        """Cancel a job; False when it had ended before."""
        return self._run(verbs.cancel(job_id))

    def retry(self, job_id: str, from_step: Step | None = None) -> JobStatus:
        """Run an ended job again."""
        return self._run(verbs.retry(job_id, from_step))

    def redecode(self, job_id: str, options: DecodeOptions | Mapping[str, Any]) -> JobStatus:
        """Decode an ended job again with other options."""
        return self._run(verbs.redecode(job_id, _decoding(options)))

    def recent(self, state: JobState | None = None, limit: int = 50) -> list[JobStatus]:
        """The newest jobs first."""
        return self._run(verbs.recent(state, limit))

    def events(self, job_id: str, after: int = 0) -> Iterator[Heard]:
        """What happens to a job, as it happens, until it has ended; a connection that breaks is made anew."""
        failures = 0
        while failures <= _RECONNECTS:
            try:
                for heard in self._listen(job_id, after):
                    failures, after = 0, heard.id or after
                    yield heard
            except _AllHeardError:
                return
            except httpx2.TransportError:
                failures += 1
            time.sleep(_RECONNECT_S)
        raise ServerAway(f"the events of job {job_id} broke off")

    def _listen(self, job_id: str, after: int) -> Iterator[Heard]:
        with self._http.stream("GET", job_path(job_id, "/events"), headers=_since(after)) as answer:
            if answer.status_code != httpx2.codes.OK:
                _check_end(Reply(answer.status_code, answer.headers, answer.read()))
            for each in httpx2.EventSource(answer):
                if heard := heard_of(each.event, each.data):
                    yield heard

    def _run(self, verb: Verb[Result]) -> Result:
        try:
            step = next(verb)
            while True:
                if isinstance(step, Pause):
                    time.sleep(step.seconds)
                    step = next(verb)
                    continue
                try:
                    reply = self._send(step)
                except ServerAway as error:
                    step = verb.throw(error)
                else:
                    step = verb.send(reply)
        except StopIteration as ended:
            return ended.value  # type: ignore[no-any-return]  # what the generator returned

    def _send(self, call: Call) -> Reply:
        with _plain_errors():
            answer = self._http.request(
                call.method, call.path, params=dict(call.params), headers=dict(call.headers), **form_of(call)
            )
        return Reply(answer.status_code, answer.headers, answer.content)


class AsyncRemoteClient:
    """`RemoteClient` for asyncio: the same verbs, to be awaited."""

    def __init__(self, url: str, key: str = "") -> None:
        self._http = httpx2.AsyncClient(**_arguments(url, key))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exception: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close every connection."""
        await self._http.aclose()

    async def enqueue(
        self,
        source: Source | None = None,
        options: Options | None = None,
        *,
        url: str | None = None,
        roles: Roles = (),
        **details: Unpack[JobDetails],
    ) -> JobStatus:
        """Hand in a recording, or a URL that the server fetches."""
        config = _wanted(source, url, (options, roles), details)
        if source is None:
            return await self._run(verbs.enqueue(str(url), config))
        with uploaded(source, details.get("file_name")) as upload:
            return await self._run(verbs.enqueue(upload, config))

    async def status(self, job_id: str) -> JobStatus:
        """The job and its steps as they are now."""
        return await self._run(verbs.status(job_id))

    async def wait(self, job_id: str, timeout_s: float | None = None) -> JobStatus:
        """The job once it has ended, well or not."""
        return await self._run(verbs.wait(job_id, timeout_s))

    async def result(self, job_id: str, version: int | None = None) -> Transcript:
        """The transcript."""
        return from_json(await self.document(job_id, version))

    async def document(self, job_id: str, version: int | None = None) -> str:
        """The transcript as the canonical JSON document."""
        return await self.rendered(job_id, "json", version)

    async def rendered(self, job_id: str, output_format: OutputFormat, version: int | None = None) -> str:
        """The transcript in a format."""
        return await self._run(verbs.rendered(job_id, output_format, version))

    async def cancel(self, job_id: str) -> bool:
        """Cancel a job; False when it had ended before."""
        return await self._run(verbs.cancel(job_id))

    async def retry(self, job_id: str, from_step: Step | None = None) -> JobStatus:
        """Run an ended job again."""
        return await self._run(verbs.retry(job_id, from_step))

    async def redecode(self, job_id: str, options: DecodeOptions | Mapping[str, Any]) -> JobStatus:
        """Decode an ended job again with other options."""
        return await self._run(verbs.redecode(job_id, _decoding(options)))

    async def recent(self, state: JobState | None = None, limit: int = 50) -> list[JobStatus]:
        """The newest jobs first."""
        return await self._run(verbs.recent(state, limit))

    async def events(self, job_id: str, after: int = 0) -> AsyncIterator[Heard]:
        """What happens to a job, as it happens, until it has ended; a connection that breaks is made anew."""
        failures = 0
        while failures <= _RECONNECTS:
            try:
                async for heard in self._listen(job_id, after):
                    failures, after = 0, heard.id or after
                    yield heard
            except _AllHeardError:
                return
            except httpx2.TransportError:
                failures += 1
            await asyncio.sleep(_RECONNECT_S)
        raise ServerAway(f"the events of job {job_id} broke off")

    async def _listen(self, job_id: str, after: int) -> AsyncIterator[Heard]:
        async with self._http.stream("GET", job_path(job_id, "/events"), headers=_since(after)) as answer:
            if answer.status_code != httpx2.codes.OK:
                _check_end(Reply(answer.status_code, answer.headers, await answer.aread()))
            async for each in httpx2.EventSource(answer):
                if heard := heard_of(each.event, each.data):
                    yield heard

    async def _run(self, verb: Verb[Result]) -> Result:
        try:
            step = next(verb)
            while True:
                if isinstance(step, Pause):
                    await asyncio.sleep(step.seconds)
                    step = next(verb)
                    continue
                try:
                    reply = await self._send(step)
                except ServerAway as error:
                    step = verb.throw(error)
                else:
                    step = verb.send(reply)
        except StopIteration as ended:
            return ended.value  # type: ignore[no-any-return]  # what the generator returned

    async def _send(self, call: Call) -> Reply:
        with _plain_errors():
            answer = await self._http.request(
                call.method, call.path, params=dict(call.params), headers=dict(call.headers), **form_of(call)
            )
        return Reply(answer.status_code, answer.headers, answer.content)


def _decoding(options: DecodeOptions | Mapping[str, Any]) -> dict[str, Any]:
    decode = options.model_dump() if isinstance(options, DecodeOptions) else dict(options)
    # As part of the options of a job they are checked as those are.
    return check_options({"decode": decode}).decode.model_dump(mode="json", exclude_defaults=True)


@contextmanager
def _plain_errors() -> Iterator[None]:
    try:
        yield
    except (httpx2.TransportError, httpx2.InvalidURL) as error:
        raise ServerAway(f"{type(error).__name__}: {error}") from error


def _since(after: int) -> dict[str, str]:
    return {"Last-Event-ID": str(after), "Accept": "text/event-stream"}


class _AllHeardError(Exception):
    """The job has ended and everything was heard, which a stream that only breaks off does not say."""


def _check_end(reply: Reply) -> None:
    raise error_of(reply) if reply.status >= httpx2.codes.BAD_REQUEST else _AllHeardError
