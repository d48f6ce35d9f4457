"""What people corrected in a transcript: an overlay beside what the machine wrote, with a revision for each change.

A row is one word in one revision; the newest row of a word counts, and one without text takes a correction back.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field, StringConstraints
from pydantic import dataclasses as checked
from sqlalchemy import Connection, Row, insert, select, true

from workers.db.base import db_now
from workers.db.tables import corrections, jobs, transcripts, words
from workers.errors import CorrectionConflict, JobNotFinished, NoSuchWord

_Text = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f]*$", max_length=200)]
_Index = Annotated[int, Field(ge=0, lt=2**31)]


@checked.dataclass(frozen=True, slots=True)
class Correction:
    """What is written in place of a word; an empty text strikes it out, None takes an earlier correction back."""

    segment: _Index
    position: _Index
    text: _Text | None


@dataclass(frozen=True, slots=True)
class Corrections:
    """The overlay of one version of a transcript; revision 0 is what the machine wrote."""

    version: int
    revision: int
    words: tuple[Correction, ...]


def read(connection: Connection, job_id: str, version: int | None = None) -> Corrections:
    """The overlay of a version of the transcript of a job, or of the newest.

    Raises:
        JobNotFinished: it has no transcript.
    """
    return _overlay(connection, _transcript(connection, job_id, version))


def write(
    connection: Connection, job_id: str, wanted: Sequence[Correction], *, base_revision: int, author: str
) -> Corrections:
    """Add a revision to the overlay that a person saw as `base_revision`. Repeated, it counts once.

    Raises:
        JobNotFinished: the job has no transcript.
        CorrectionConflict: somebody else added a revision meanwhile.
        NoSuchWord: the transcript has no such word.
    """
    # Whoever corrects at the same time waits here.
    connection.execute(select(jobs.c.id).where(jobs.c.id == job_id).with_for_update())
    transcript = _transcript(connection, job_id)
    now = _overlay(connection, transcript)
    if now.revision == base_revision + 1 and _revision(connection, transcript.id, now.revision) == (
        author,
        frozenset(wanted),
    ):
        return now
    if now.revision != base_revision:
        raise CorrectionConflict(f"revision {now.revision}, not {base_revision}")
    _check_places(connection, transcript.id, wanted)
    at = db_now()
    rows = [
        {
            "transcript_id": transcript.id,
            "revision": base_revision + 1,
            "segment": each.segment,
            "position": each.position,
            "text": each.text,
            "author": author,
            "at": at,
        }
        for each in wanted
    ]
    for row in rows:
        connection.execute(insert(corrections).values(**row))
    return _overlay(connection, transcript)


def _transcript(connection: Connection, job_id: str, version: int | None = None) -> Row[Any]:
    found: Row[Any] | None = connection.execute(
        select(transcripts.c.id, transcripts.c.version)
        .where(transcripts.c.job_id == job_id, transcripts.c.version == version if version else true())
        .order_by(transcripts.c.version.desc())
        .limit(1)
    ).first()  # type: ignore[assignment]  # a row of whatever columns
    if found is None:
        raise JobNotFinished(job_id)
    return found


def _overlay(connection: Connection, transcript: Row[Any]) -> Corrections:
    rows = connection.execute(
        select(corrections)
        .where(corrections.c.transcript_id == transcript.id)
        .order_by(corrections.c.revision, corrections.c.segment, corrections.c.position)
    ).all()
    newest = {(row.segment, row.position): row.text for row in rows}
    kept = [Correction(*place, text) for place, text in sorted(newest.items()) if text is not None]
    return Corrections(transcript.version, max((row.revision for row in rows), default=0), tuple(kept))


def _revision(connection: Connection, transcript_id: int, revision: int) -> tuple[str, frozenset[Correction]]:
    rows = connection.execute(
        select(corrections).where(corrections.c.transcript_id == transcript_id, corrections.c.revision == revision)
    ).all()
    return rows[0].author, frozenset(Correction(row.segment, row.position, row.text) for row in rows)


def _check_places(connection: Connection, transcript_id: int, wanted: Sequence[Correction]) -> None:
    places = [(each.segment, each.position) for each in wanted]
    if len(set(places)) < len(places):
        raise NoSuchWord("a word is corrected twice")
    for segment, position in places:
        at = (words.c.segment == segment) & (words.c.position == position)
        if connection.execute(select(words.c.text).where(words.c.transcript_id == transcript_id, at)).first() is None:
            raise NoSuchWord(f"segment {segment}, word {position}")
