"""How much of the bare model's speed comes out of the whole system, and how faster-whisper does on the same weights.

By turns in one run, on the same audio: recordings through the embedded stack; CTranslate2 alone in a loop over the very
segments that the system packs; faster-whisper's batched pipeline; and once faster-whisper without batches, and
pocketsphinx.
"""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from bench.harness import Figure, Findings, Plan, installed
from bench.peers import Took, bare_loop, batched, measured, plain, segments_of, sphinx
from bench.recordings import Recorded, make_recordings, told
from bench.report import Report
from bench.stack import MemoryWatch, Ran, RunningStack, memory_mib, running_stack
from workers import evaluate

RECORDINGS, QUICK_RECORDINGS = 12, 2
ROUNDS = 3
WARM_UP = 4
PACKAGES = ("ctranslate2", "faster-whisper", "pocketsphinx", "onnxruntime", "celery")
COLUMNS = {
    "what": "",
    "x": "times real time",
    "cpu_s_an_hour": "CPU, s an hour of audio",
    "peak_mib": "peak memory, MiB",
    "wer": "WER, %",
}


def run(plan: Plan) -> Findings:
    """All of it."""
    for module in ("faster_whisper", "pocketsphinx"):
        installed(module, "pip install 'voxqueue[bench]'")
    with tempfile.TemporaryDirectory() as name:
        recordings = make_recordings(plan, Path(name), QUICK_RECORDINGS if plan.quick else RECORDINGS)
        return _findings(plan, recordings)


def _findings(plan: Plan, recordings: Sequence[Recorded]) -> Findings:
    paths = [each.path for each in recordings]
    segments = segments_of(paths, plan.model)
    ours: list[Ran] = []
    peers: dict[str, list[Took]] = {"bare": [], "batched": []}
    with running_stack(model=plan.model, compute_type="int8") as stack:
        rest_mib, work_mib = _memory(stack, paths)
        for _ in plan.track(range(plan.rounds(ROUNDS)), "rounds"):
            ours.append(stack.transcribe(paths))
            peers["bare"].append(measured(bare_loop, plan, segments))
            peers["batched"].append(measured(batched, plan, paths))
    peers["plain"] = [measured(plain, plan, paths)]
    peers["sphinx"] = [measured(sphinx, plan, paths[:2])]
    figures = {
        "end_to_end_over_bare_loop": _ratio(ours, peers["bare"]),
        "end_to_end_over_batched_faster_whisper": _ratio(ours, peers["batched"]),
        "cpu_over_bare_loop": Figure(
            tuple(each.cpu_s / other.cpu_s for each, other in zip(ours, peers["bare"], strict=True)),
            higher_is_better=False,
        ),
        "peak_mib_at_work": Figure((work_mib,), higher_is_better=False, is_ratio=False),
        "mib_at_rest": Figure((rest_mib,), higher_is_better=False, is_ratio=False),
    }
    rows = [_row("voxqueue, embedded stack", recordings, ours) | {"peak_mib": round(work_mib)}]
    for key, what in _PEERS.items():
        rows.append(_row(what, recordings[: 2 if key == "sphinx" else None], peers[key]))
    known = [row["wer"] for row in rows[:3] if row["wer"] is not None]
    if len(known) > 1:
        figures["wer_over_batched_faster_whisper"] = Figure((known[0] / known[-1],), higher_is_better=False)
    notes = (told(recordings), f"{len(segments)} segments. At rest the stack holds {rest_mib:.0f} MiB.")
    return Findings(figures, [Report("End to end", COLUMNS, rows, notes, PACKAGES)])


_PEERS: Mapping[str, str] = {
    "bare": "CTranslate2 in a loop over the same segments",
    "batched": "faster-whisper, batched pipeline",
    "plain": "faster-whisper",
    "sphinx": "pocketsphinx, two of the recordings",
}


def _memory(stack: RunningStack, paths: Sequence[Path]) -> tuple[float, float]:
    """MiB of all processes at rest and at work; also warms every process up."""
    stack.transcribe(paths[:1])
    rest_mib = memory_mib()
    with MemoryWatch() as watch:
        stack.transcribe([*paths, *paths][:WARM_UP])
    return rest_mib, watch.peak_mib


def _ratio(ours: Sequence[Ran], other: Sequence[Took]) -> Figure:
    """Speed over speed, round by round."""
    return Figure(tuple(theirs.seconds / each.seconds for each, theirs in zip(ours, other, strict=True)))


def _row(what: str, recordings: Sequence[Recorded], rounds: Sequence[Ran | Took]) -> dict[str, Any]:
    audio_s = sum(each.duration_s for each in recordings)
    peak = [each.peak_mib for each in rounds if isinstance(each, Took)]
    return {
        "what": what,
        "x": round(audio_s / median(each.seconds for each in rounds), 1),
        "cpu_s_an_hour": round(3600 * median(each.cpu_s for each in rounds) / audio_s),
        "peak_mib": round(max(peak)) if peak else None,
        "wer": _wer(recordings, rounds[0].texts),
    }


def _wer(recordings: Sequence[Recorded], texts: Sequence[str]) -> float | None:
    pairs = zip(recordings, texts, strict=False)
    spoken = [evaluate.Spoken("", each.text, text, 0.0) for each, text in pairs if each.text]
    rate = evaluate.score(spoken).wer if spoken else None
    return None if rate is None else round(100 * rate, 2)
