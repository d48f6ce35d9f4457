"""What a finished step leaves in the database: a reference to its artifact, or the transcript itself."""

from dataclasses import dataclass

from sqlalchemy import Connection, insert, select, update

from pipeline.render import to_json
from pipeline.values import Transcript
from workers.db.base import db_now
from workers.db.tables import artifacts, jobs, segments, transcripts, words
from workers.jobs.values import ArtifactRef, Lease


@dataclass(frozen=True, slots=True)
class Result:
    """The outcome of a step: an artifact for the next one, or, from the last step, the transcript."""

    artifact: ArtifactRef | None = None
    transcript: Transcript | None = None
    duration_s: float | None = None


def store_result(connection: Connection, lease: Lease, result: Result) -> None:
    """Write the rows that belong to `result`; part of the transaction that ends the step."""
    if result.artifact is not None:
        connection.execute(
            insert(artifacts).values(
                job_id=lease.job_id,
                step=lease.step,
                fence=lease.fence,
                key=result.artifact.key,
                sha256=result.artifact.sha256,
                size_bytes=result.artifact.size_bytes,
                created_at=db_now(),
            )
        )
    if result.duration_s is not None:
        connection.execute(update(jobs).where(jobs.c.id == lease.job_id).values(duration_s=result.duration_s))
    if result.transcript is not None:
        _store_transcript(connection, lease.job_id, result.transcript)


def _store_transcript(connection: Connection, job_id: str, transcript: Transcript) -> None:
    version = connection.execute(select(jobs.c.version).where(jobs.c.id == job_id)).scalar_one()
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
