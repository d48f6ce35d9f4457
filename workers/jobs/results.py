"""What a finished step leaves in the database: a reference to its artifact, or the transcript itself."""

import json
from dataclasses import dataclass
from functools import cache

from sqlalchemy import (
    CTE,
    JSON,
    Connection,
    Insert,
    String,
    Table,
    bindparam,
    cast,
    column,
    func,
    insert,
    select,
    true,
)
from sqlalchemy.sql.dml import ReturningInsert

from pipeline.render import to_json
from pipeline.values import Transcript
from workers.db.base import db_now
from workers.db.direct import DirectStatement
from workers.db.tables import jobs, segments, transcripts, words
from workers.jobs.values import ArtifactRef


@dataclass(frozen=True, slots=True)
class Result:
    """The outcome of a step: an artifact for the next one, or, from the last step, the transcript."""

    artifact: ArtifactRef | None = None
    transcript: Transcript | None = None
    duration_s: float | None = None


def store_transcript(connection: Connection, job_id: str, transcript: Transcript) -> None:
    """Write the rows of a transcript; part of the transaction that ends the last step."""
    values = {
        "of_job": job_id,
        "new_language": transcript.language,
        "new_model": transcript.model,
        "new_text": transcript.text,
        "new_document": to_json(transcript),
    }
    segment_rows, word_rows = _segment_rows(transcript), _word_rows(transcript)
    if connection.dialect.name == "postgresql":
        rows = {"segment_rows": json.dumps(segment_rows), "word_rows": json.dumps(word_rows)}
        _storing_all().first(connection, {**values, **rows})
        return
    key = connection.execute(_storing(), values).scalar_one()
    for table, rows_of_it in ((segments, segment_rows), (words, word_rows)):
        if rows_of_it:
            connection.execute(insert(table), [{"transcript_id": key, **row} for row in rows_of_it])


def _segment_rows(transcript: Transcript) -> list[dict[str, object]]:
    return [
        {
            "position": position,
            "channel": utterance.channel,
            "role": utterance.role,
            "start_s": utterance.start_s,
            "end_s": utterance.end_s,
            "confidence": utterance.confidence,
            "text": utterance.text,
        }
        for position, utterance in enumerate(transcript.utterances)
    ]


def _word_rows(transcript: Transcript) -> list[dict[str, object]]:
    return [
        {
            "segment": segment,
            "position": position,
            "channel": utterance.channel,
            "start_s": word.start_s,
            "end_s": word.end_s,
            "confidence": word.confidence,
            "text": word.text,
        }
        for segment, utterance in enumerate(transcript.utterances)
        for position, word in enumerate(utterance.words)
    ]


@cache
def _storing() -> ReturningInsert[tuple[int]]:
    job_id = bindparam("of_job", type_=String)
    return (
        insert(transcripts)
        .values(
            job_id=job_id,
            version=select(jobs.c.version).where(jobs.c.id == job_id).scalar_subquery(),
            language=bindparam("new_language"),
            model=bindparam("new_model"),
            text=bindparam("new_text"),
            document=bindparam("new_document"),
            created_at=db_now(),
        )
        .returning(transcripts.c.id)
    )


@cache
def _storing_all() -> DirectStatement:
    """The transcript with its segments and words, which come as JSON: one journey, however many there are."""
    made = _storing().cte("made")
    parts = [_rows_of(segments, made, "segment_rows"), _rows_of(words, made, "word_rows")]
    return DirectStatement(select(made.c.id).add_cte(*(part.cte(f"part_{n}") for n, part in enumerate(parts))))


def _rows_of(table: Table, made: CTE, parameter: str) -> Insert:
    columns = [each for each in table.c if each.name != "transcript_id"]
    given = func.json_to_recordset(cast(bindparam(parameter, type_=String), JSON))
    rows = given.table_valued(*(column(each.name, each.type) for each in columns)).render_derived(with_types=True)
    # Each row of the one beside the key of the other.
    chosen = select(made.c.id, *(rows.c[each.name] for each in columns)).select_from(made.join(rows, true()))
    return insert(table).from_select(["transcript_id", *(each.name for each in columns)], chosen)
