"""Calls that are transcribed while they go on, on a server: what `workers.jobs.sessions` is on this machine."""

from collections.abc import Mapping
from typing import Any

from workers.jobs.sessions import NewSession, PieceStatus, SessionStatus
from workers.remote.carrying import Awaited, Blocking, Carried
from workers.remote.verbs import Call, Verb, ask, checked_id, rendered
from workers.remote.wire import seconds_of
from workers.states import JobState


class SessionVerbs:
    """The sessions of the key's tenant; each verb raises what it raises in process, and ServerAway."""

    @Carried
    def open(self, session: NewSession) -> Verb[str]:
        """Open a session; its id, which the server chooses."""
        wanted = {"name": session.name, "external_id": session.external_id, "metadata": session.annotations}
        # Not sent twice: each time opens one.
        reply = yield from ask(Call("POST", "/v1/streams", json=wanted, is_repeatable=False))
        return str(reply.document["id"])

    @Carried
    def status(self, session_id: str) -> Verb[SessionStatus]:
        """The session as it is now."""
        return _session_of((yield from ask(Call("GET", _path(session_id)))).document)

    @Carried
    def recent(self, limit: int = 50) -> Verb[list[SessionStatus]]:
        """The newest first."""
        reply = yield from ask(Call("GET", "/v1/streams", {"limit": limit}))
        return [_session_of(each) for each in reply.document]

    @Carried
    def pieces(self, session_id: str, after: int = -1) -> Verb[list[PieceStatus]]:
        """The pieces behind position `after`, in order, each with its transcript as the key may see it."""
        reply = yield from ask(Call("GET", _path(session_id, "/pieces")))
        found: list[PieceStatus] = []
        for each in reply.document:
            # No comprehension can ask for the transcripts on its way.
            found += [(yield from _piece_of(each))] if each["position"] > after else []
        return found

    @Carried
    def end(self, session_id: str) -> Verb[None]:
        """No more pieces will come; safe to repeat."""
        yield from ask(Call("POST", _path(session_id, "/end")))


class RemoteSessions(SessionVerbs, Blocking):
    """Of a client that blocks."""


class AsyncRemoteSessions(SessionVerbs, Awaited):
    """Of a client of asyncio."""


def _piece_of(document: Mapping[str, Any]) -> Verb[PieceStatus]:
    state, job_id = JobState(document["status"]), document["job_id"]
    return PieceStatus(
        position=document["position"],
        job_id=job_id,
        start_s=document["start_s"],
        end_s=document["end_s"],
        state=state,
        error_code=document["error"],
        document=(yield from rendered(job_id, "json")) if state is JobState.COMPLETED else None,
    )


def _path(session_id: str, more: str = "") -> str:
    return f"/v1/streams/{checked_id(session_id)}{more}"


def _session_of(document: Mapping[str, Any]) -> SessionStatus:
    return SessionStatus(
        id=document["id"],
        tenant="",
        name=document["name"],
        external_id=document["external_id"],
        annotations=document["metadata"],
        created_at=seconds_of(document["created_at"]) or 0.0,
        ended_at=seconds_of(document["ended_at"]),
        pieces=document["pieces"],
        duration_s=document["duration_s"],
        error_code=document.get("error"),
    )
