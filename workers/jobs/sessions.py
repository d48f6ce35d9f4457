"""Calls that are transcribed while they go on: a session, and its pieces, each a job, in order and without a gap."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Annotated, Any

from pydantic import Field, JsonValue, StringConstraints
from pydantic import dataclasses as checked
from sqlalchemy import Connection, Row, func, insert, select, update

from pipeline.joining import Part, join
from pipeline.render import from_json
from pipeline.values import Transcript, Utterance
from workers.db.base import db_now
from workers.db.session import Database
from workers.db.tables import jobs, pieces, sessions, transcripts
from workers.errors import NotAllowedInState, SessionNotFound, SessionTaken
from workers.jobs import create
from workers.jobs.values import ID, NewJob
from workers.states import FINAL_JOB_STATES, JobState

_CONTEXT_PIECES = 2
_Text = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$")]


@checked.dataclass(frozen=True, slots=True)
class NewSession:
    """A session as it is opened; making one raises pydantic's ValidationError for what a database would not keep."""

    id: str
    name: _Text
    tenant: Annotated[_Text, Field(min_length=1, max_length=64)] = "default"
    external_id: Annotated[_Text, Field(max_length=255)] | None = None
    annotations: dict[str, JsonValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NewPiece:
    """Where the next piece of a session lies: seconds from its start. Pieces may overlap.

    What was said before `settled_s` is in this piece or in one before it.
    """

    session_id: str
    position: int
    start_s: float
    end_s: float
    settled_s: float


@dataclass(frozen=True, slots=True)
class PieceStatus:
    """A piece and how far its job is; `document` is its transcript, None before there is one."""

    position: int
    job_id: str
    start_s: float
    end_s: float
    state: JobState
    error_code: str | None
    document: str | None

    @property
    def is_final(self) -> bool:
        """Whether its job has ended, well or not."""
        return self.state in FINAL_JOB_STATES


@dataclass(frozen=True, slots=True)
class SessionStatus:
    """A session as callers see it; `ended_at` is None while pieces may still come.

    What was said in its first `duration_s` seconds is in its pieces: whoever goes on with it does so from there.
    `error_code` is why it ended, where that was no end of the call.
    """

    id: str
    tenant: str
    name: str
    external_id: str | None
    annotations: dict[str, Any]
    created_at: float
    ended_at: float | None
    pieces: int
    duration_s: float
    error_code: str | None = None


def transcript_of(found: Sequence[PieceStatus]) -> Transcript | None:
    """What has been transcribed of these pieces so far, with the times of the session; None before there is any."""
    return join([Part(each.start_s, from_json(each.document)) for each in found if each.document is not None])


class Sessions:
    """The door to sessions; each method is one transaction."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def open(self, session: NewSession) -> str:
        """Open a session; its id. Opening it again changes nothing."""
        return self.database.run(partial(_open, session=session))

    def add(self, piece: NewPiece, job: NewJob) -> None:
        """Make the job of the next piece.

        Raises:
            SessionNotFound: there is no such session.
            NotAllowedInState: it has ended.
            SessionTaken: somebody else has added a piece meanwhile.
        """
        self.database.run(partial(_add, piece=piece, job=job))

    def end(self, session_id: str, error_code: str | None = None) -> None:
        """No more pieces will come, because of an error if one is named; safe to repeat.

        Raises:
            SessionNotFound: there is no such session.
        """
        self.database.run(partial(_end, session_id=session_id, error_code=error_code))

    def status(self, session_id: str, tenant: str | None = None) -> SessionStatus:
        """The session as it is now.

        Raises:
            SessionNotFound: there is no such session, or it is another tenant's.
        """
        with self.database.read() as connection:
            return _status(connection, session_id, tenant)

    def recent(self, tenant: str | None = None, limit: int = 50) -> list[SessionStatus]:
        """The newest sessions first."""
        with self.database.read() as connection:
            wanted = select(sessions).order_by(sessions.c.created_at.desc(), sessions.c.id).limit(limit)
            found = connection.execute(wanted if tenant is None else wanted.where(sessions.c.tenant == tenant)).all()
        return [_session_of(row) for row in found]

    def pieces(self, session_id: str, after: int = -1) -> list[PieceStatus]:
        """The pieces behind position `after`, in order, with what has become of them."""
        with self.database.read() as connection:
            return _pieces(connection, session_id, after)

    def said_before(self, job_id: str) -> tuple[Utterance, ...]:
        """What was said in the pieces just before the one that is this job; nothing, where it is no piece of a call.

        A number that is read out over the end of a piece is known by what was asked for in the one before.
        """
        with self.database.read() as connection:
            place = connection.execute(select(pieces).where(pieces.c.job_id == job_id)).first()
            if place is None:
                return ()
            found = _pieces(connection, place.session_id, place.position - 1 - _CONTEXT_PIECES)
        before = transcript_of([piece for piece in found if piece.position < place.position])
        return before.utterances if before else ()


class TenantSessions:
    """The sessions of one tenant, the only ones that a door can reach; others' do not exist: SessionNotFound."""

    def __init__(self, sessions: Sessions, tenant: str) -> None:
        self.tenant = tenant
        self._sessions = sessions

    def open(self, session: NewSession) -> SessionStatus:
        """Open a session for the tenant."""
        return self.status(self._sessions.open(replace(session, tenant=self.tenant)))

    def status(self, session_id: str) -> SessionStatus:
        """The session as it is now."""
        # What is no id can't be found; PostgreSQL would refuse some of it as text.
        if not ID.fullmatch(session_id):
            raise SessionNotFound(session_id)
        return self._sessions.status(session_id, self.tenant)

    def recent(self, limit: int) -> list[SessionStatus]:
        """The newest first."""
        return self._sessions.recent(self.tenant, limit)

    def pieces(self, session_id: str, after: int = -1) -> list[PieceStatus]:
        """The pieces behind position `after`, in order."""
        self.status(session_id)
        return self._sessions.pieces(session_id, after)

    def said_before(self, job_id: str) -> tuple[Utterance, ...]:
        """See `Sessions.said_before`; the job is one of the tenant's."""
        return self._sessions.said_before(job_id)

    def end(self, session_id: str) -> SessionStatus:
        """No more pieces will come; safe to repeat."""
        self.status(session_id)
        self._sessions.end(session_id)
        return self.status(session_id)


def _open(connection: Connection, session: NewSession) -> str:
    if connection.execute(select(sessions.c.id).where(sessions.c.id == session.id)).first() is None:
        connection.execute(
            insert(sessions).values(
                id=session.id,
                tenant=session.tenant,
                name=session.name,
                external_id=session.external_id,
                annotations=session.annotations,
                pieces=0,
                duration_s=0.0,
                created_at=db_now(),
            )
        )
    return session.id


def _add(connection: Connection, piece: NewPiece, job: NewJob) -> None:
    # The lock of the session puts the pieces of two streamers one after the other.
    session = connection.execute(select(sessions).where(sessions.c.id == piece.session_id).with_for_update()).first()
    if session is None:
        raise SessionNotFound(piece.session_id)
    if connection.execute(select(pieces.c.position).where(pieces.c.job_id == job.id)).first() is not None:
        return
    if session.ended_at is not None:
        raise NotAllowedInState("the session has ended")
    if piece.position != session.pieces:
        raise SessionTaken(f"{piece.session_id} has {session.pieces} pieces, not {piece.position}")
    create.create(connection, job)
    connection.execute(
        insert(pieces).values(
            session_id=piece.session_id,
            position=piece.position,
            job_id=job.id,
            start_s=piece.start_s,
            end_s=piece.end_s,
        )
    )
    connection.execute(
        update(sessions)
        .where(sessions.c.id == piece.session_id)
        .values(pieces=piece.position + 1, duration_s=max(session.duration_s, piece.settled_s))
    )


def _end(connection: Connection, session_id: str, error_code: str | None) -> None:
    found = connection.execute(
        update(sessions)
        .where(sessions.c.id == session_id, sessions.c.ended_at.is_(None))
        .values(ended_at=db_now(), error_code=error_code)
    )
    if not found.rowcount:
        _status(connection, session_id, None)


def _session_of(row: Row[tuple[Any, ...]]) -> SessionStatus:
    return SessionStatus(
        id=row.id,
        tenant=row.tenant,
        name=row.name,
        external_id=row.external_id,
        annotations=row.annotations,
        created_at=row.created_at,
        ended_at=row.ended_at,
        pieces=row.pieces,
        duration_s=row.duration_s,
        error_code=row.error_code,
    )


def _status(connection: Connection, session_id: str, tenant: str | None) -> SessionStatus:
    row = connection.execute(select(sessions).where(sessions.c.id == session_id)).first()
    if row is None or tenant not in (None, row.tenant):
        raise SessionNotFound(session_id)
    return _session_of(row)


def _pieces(connection: Connection, session_id: str, after: int) -> list[PieceStatus]:
    newest = (
        select(transcripts.c.job_id, func.max(transcripts.c.version).label("version"))
        .group_by(transcripts.c.job_id)
        .subquery()
    )
    rows = connection.execute(
        select(pieces, jobs.c.state, jobs.c.error_code, transcripts.c.document)
        .join(jobs, jobs.c.id == pieces.c.job_id)
        .outerjoin(newest, newest.c.job_id == pieces.c.job_id)
        .outerjoin(transcripts, (transcripts.c.job_id == newest.c.job_id) & (transcripts.c.version == newest.c.version))
        .where(pieces.c.session_id == session_id, pieces.c.position > after)
        .order_by(pieces.c.position)
    ).all()
    return [
        PieceStatus(
            position=row.position,
            job_id=row.job_id,
            start_s=row.start_s,
            end_s=row.end_s,
            state=JobState(row.state),
            error_code=row.error_code,
            document=row.document,
        )
        for row in rows
    ]
