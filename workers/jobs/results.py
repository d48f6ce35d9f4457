"""What a finished step leaves in the database: a reference to its artifact, or the transcript itself."""

from dataclasses import dataclass

from sqlalchemy import Connection, insert, select

from pipeline.render import to_json
from pipeline.values import Transcript
from workers.db.base import db_now
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
    version = select(jobs.c.version).where(jobs.c.id == job_id).scalar_subquery()
    key = connection.execute(
        insert(transcripts)
        .values(
            job_id=job_id,
            version=version,
            language=transcript.language,
            model=transcript.model,
            text=transcript.text,
            document=to_json(transcript),
            created_at=db_now(),
        )
        .returning(transcripts.c.id)
    ).scalar_one()
    segment_rows = [
        {
            "transcript_id": key,
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
    word_rows = [
        {
            "transcript_id": key,
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
    if segment_rows:
        connection.execute(insert(segments), segment_rows)
    if word_rows:
        connection.execute(insert(words), word_rows)
