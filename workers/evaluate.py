"""Word and character error rates of recordings whose text is known, and how fast they were done.

Reference and hypothesis are compared after Whisper's English normalisation, as is usual in this field: case,
punctuation and ways of writing numbers don't count. Rates are ratios over all words of a domain, not means over
recordings.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from pipeline.render.overlay import Place, corrected
from pipeline.values import Transcript
from workers.errors import FileNotReadable
from workers.jobs import JobStatus


class ManifestLine(BaseModel):
    """A recording and what is said in it; `audio` is a path from the manifest's folder."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str
    audio: Path
    text: str
    domain: str = "all"


@dataclass(frozen=True, slots=True)
class Spoken:
    """What was said in a recording, what was understood, and how long the audio is."""

    domain: str
    reference: str
    hypothesis: str
    duration_s: float


@dataclass(frozen=True, slots=True)
class Score:
    """Error rates as ratios, None where no reference has a word to get wrong; `n` counts recordings."""

    wer: float | None
    cer: float | None
    n: int


def correction_rate(transcript: Transcript, texts: Mapping[Place, str]) -> float:
    """Word error rate of `transcript` against what people made of it; what they left alone counts as right."""
    import jiwer  # noqa: PLC0415  # slow to import, and only needed here

    touched = {at for at, _ in texts}
    errors = words = 0
    for at, utterance in enumerate(transcript.utterances):
        if at not in touched:
            words += len(utterance.words)
            continue
        alone = replace(transcript, utterances=(utterance,))
        mended = corrected(alone, {(0, word): text for (where, word), text in texts.items() if where == at})
        reference, heard = normalise(mended.text), normalise(utterance.text)
        words += len(reference.split())
        if not reference:
            errors += len(heard.split())
            continue
        found = jiwer.process_words(reference, heard)
        errors += found.substitutions + found.deletions + found.insertions
    return errors / max(1, words)


def read_manifest(path: Path) -> list[ManifestLine]:
    """The lines of a manifest, with `audio` resolved.

    Raises:
        FileNotReadable: it can't be read, or a line of it is not what it should be.
    """
    try:
        # Not splitlines(): JSON may hold line separators of Unicode as they are.
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise FileNotReadable(f"{path.name}: {error}") from error
    return [_line(path, number, line) for number, line in enumerate(lines, start=1) if line.strip()]


def _line(path: Path, number: int, text: str) -> ManifestLine:
    try:
        line = ManifestLine.model_validate(json.loads(text))
    except (json.JSONDecodeError, ValidationError) as error:
        raise FileNotReadable(f"{path.name}, line {number}: {error}") from error
    return line.model_copy(update={"audio": path.parent / line.audio})


def score(spoken: Sequence[Spoken]) -> Score:
    """Error rates over all recordings.

    Words that were understood where nothing was said are insertions like any other; jiwer leaves the case of an empty
    reference to its caller.
    """
    import jiwer  # noqa: PLC0415  # slow to import, and only needed here

    pairs = [(normalise(each.reference), normalise(each.hypothesis)) for each in spoken]
    said = [(reference, hypothesis) for reference, hypothesis in pairs if reference]
    unsaid = [hypothesis for reference, hypothesis in pairs if not reference]
    if not said:
        return Score(None, None, len(spoken))
    references, hypotheses = (list(side) for side in zip(*said, strict=True))
    words = jiwer.process_words(references, hypotheses)
    characters = jiwer.process_characters(references, hypotheses)
    return Score(
        wer=_rate(words, invented=sum(len(hypothesis.split()) for hypothesis in unsaid)),
        cer=_rate(characters, invented=sum(map(len, unsaid))),
        n=len(spoken),
    )


def normalise(text: str) -> str:
    """`text` as it is compared; empty when it has neither letter nor digit, of which the normaliser leaves dots."""
    from whisper_normalizer.english import EnglishTextNormalizer  # noqa: PLC0415  # reads a spelling table

    normalised = str(EnglishTextNormalizer()(text)).strip()
    return normalised if any(map(str.isalnum, normalised)) else ""


def _rate(counted: Any, invented: int) -> float:
    errors = counted.substitutions + counted.deletions + counted.insertions + invented
    return float(errors / (counted.hits + counted.substitutions + counted.deletions))


def rtfx(jobs: Iterable[JobStatus]) -> float | None:
    """Seconds of audio done in a second: all audio over the time from the first job's start to the last one's end."""
    ended = [job for job in jobs if job.started_at is not None and job.ended_at is not None]
    if not ended:
        return None
    took_s = max(job.ended_at or 0.0 for job in ended) - min(job.started_at or 0.0 for job in ended)
    return sum(job.duration_s or 0.0 for job in ended) / took_s if took_s > 0 else None


def report(spoken: Sequence[Spoken], speed: float | None) -> dict[str, Any]:
    """All figures, over all recordings and by domain."""
    domains: dict[str, list[Spoken]] = {}
    for each in spoken:
        domains.setdefault(each.domain, []).append(each)
    return {
        "all": {**_figures(score(spoken)), "rtfx": None if speed is None else round(speed, 2)},
        "domains": {name: _figures(score(part)) for name, part in sorted(domains.items())},
    }


def _figures(made: Score) -> dict[str, Any]:
    rates = {"wer": made.wer, "cer": made.cer}
    return {**{name: None if rate is None else round(rate, 5) for name, rate in rates.items()}, "n": made.n}
