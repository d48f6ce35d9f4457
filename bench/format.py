"""Format: accuracy of numbers, recall and precision of redaction, and milliseconds a sentence on one core.

Numbers: the table of sentences of the tests, or one that `--text` names (spoken, tab, written). Redaction: planted card
and social security numbers in calls drawn by a seed (`bench/spoken_numbers.py`). Cost: numbers and punctuation of all
these sentences as a call, and of sentences of several lengths, each by itself, made of the words of the demo call.
"""

import time
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from statistics import median

from bench.decode import text_of
from bench.harness import Figure, Findings, Plan
from bench.report import Report
from bench.spoken_numbers import Call, calls
from pipeline.format import format_transcript
from pipeline.format.figures import InDigits
from pipeline.format.numbers import find_numbers
from pipeline.format.punctuation import TaggedSentences, load_tagger
from pipeline.format.redaction import Said, find_sensitive, redacted
from pipeline.options import ENTITIES, Entity, FormatOptions, RedactionOptions
from pipeline.spec import CtcVocabulary, ModelSpec, RawWaveform
from pipeline.values import Channel, Recording, Span, Stream, Word, WordSegment

_CASES = Path(__file__).parents[1] / "tests/unit/pipeline/format/numbers/cases.tsv"
_ROUNDS = 5
_LENGTHS = (5, 10, 20, 40)
_SENTENCES = 40
_TRIES = 5
_CALLS = 2000
_SEED = 7
_HESITATIONS = frozenset({"uh", "um"})
_WORD_S = 0.4
_LETTERS = ModelSpec(
    "letters", "en", RawWaveform(), CtcVocabulary(("<pad>", "|", "A"), 0, frozenset({0}), "|"), 0.02, pads_freely=True
)
"""A model that writes neither numbers nor punctuation."""
_BOTH = (Entity.CARD, Entity.SSN)


def run(plan: Plan) -> Findings:
    """See the module."""
    rows = _rows(plan.text or _CASES)
    right = sum(_written(spoken) == written for spoken, written in rows) / len(rows)
    made = list(calls(_SEED, 200 if plan.quick else _CALLS))
    recall, precision = scores(made, ENTITIES)
    alone_recall, alone_precision = scores(made, _BOTH)
    formatted_recall = recall_of_transcripts(made[: len(made) // 4])
    rounds = range(plan.rounds(_ROUNDS))
    costs_ms = tuple(_cost_ms([spoken for spoken, _ in rows]) for _ in rounds)
    by_length = {length: tuple(_alone_ms(sentences(length)) for _ in rounds) for length in _LENGTHS}
    figures = {
        "numbers_right": Figure((right,)),
        "redaction_recall": Figure((recall,)),
        "redaction_precision": Figure((precision,)),
        "redaction_recall_of_transcripts": Figure((formatted_recall,)),
        "redaction_recall_of_two_kinds": Figure((alone_recall,)),
        "redaction_precision_of_two_kinds": Figure((alone_precision,)),
        "ms_a_sentence": _time(costs_ms),
        **{f"ms_a_sentence_of_{length}_words": _time(each) for length, each in by_length.items()},
    }
    table = [{"what": key, "figure": f"{figure.value:.4f}"} for key, figure in figures.items()]
    return Findings(figures, [Report("Formatting", {"what": "what", "figure": "figure"}, table)])


def scores(made: Sequence[Call], entities: Sequence[Entity]) -> tuple[float, float]:
    """Recall: numbers all of whose digits are left out. Precision: cards and SSNs found that were planted."""
    whole = planted = right = found = 0
    for call in made:
        spans = find_sensitive([Said(channel, word) for channel, word in call.words], entities)
        covered = {index for span in spans for index in span.indices}
        digits = {index for each in call.planted for index in each.indices}
        needed = [{at for at in each.indices if call.words[at][1] not in _HESITATIONS} for each in call.planted]
        whole += sum(each <= covered for each in needed)
        planted += len(needed)
        kinds = [set(span.indices) for span in spans if span.entity in _BOTH]
        right += sum(not digits.isdisjoint(each) for each in kinds)
        found += len(kinds)
    return whole / planted, right / found


def recall_of_transcripts(made: Sequence[Call]) -> float:
    """As recall of `scores`, when the words went through all of formatting: numbers are written, and turns are cut."""
    whole = planted = 0
    for call in made:
        spoken = [
            WordSegment(Span(channel, at * _WORD_S, (at + 1) * _WORD_S), (Word(text, at * _WORD_S, at * _WORD_S, 0.9),))
            for at, (channel, text) in enumerate(call.words)
        ]
        recording = Recording(len(spoken) * _WORD_S, 8000, "", (Channel(0), Channel(1)))
        shown = redacted(format_transcript(Stream(recording, spoken), _LETTERS, FormatOptions()), RedactionOptions())
        hidden = [
            (utterance.channel, word.start_s, word.end_s)
            for utterance in shown.utterances
            for word in utterance.words
            if word.kind in set(Entity)
        ]
        needed = [{at for at in each.indices if call.words[at][1] not in _HESITATIONS} for each in call.planted]
        planted += len(needed)
        whole += sum(all(_is_hidden(call.words[at][0], at * _WORD_S, hidden) for at in each) for each in needed)
    return whole / planted


def _is_hidden(channel: int, at_s: float, hidden: Sequence[tuple[int, float, float]]) -> bool:
    return any(where == channel and start_s <= at_s <= end_s for where, start_s, end_s in hidden)


def _rows(path: Path) -> list[tuple[str, str]]:
    """Spoken and written sentences; a table of three columns starts with the class or ends with it."""
    lines = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()]
    first = 1 if path == _CASES else 0
    return [(line[first], line[first + 1]) for line in lines]


def _written(spoken: str) -> str:
    words = spoken.split()
    for span in reversed(find_numbers(words)):
        words[span.start : span.end] = [span.written]
    return " ".join(words)


def sentences(length: int) -> list[str]:
    """Stretches of so many words of the demo call, each another one."""
    said = text_of(Plan()).split()
    said += said[:length]
    return [" ".join(said[at : at + length]) for at in range(0, len(said) - length, len(said) // _SENTENCES)]


def _time(rounds_ms: tuple[float, ...]) -> Figure:
    return Figure(rounds_ms, higher_is_better=False, is_ratio=False)


def _alone_ms(each: Sequence[str]) -> float:
    """Of the step for the median of these sentences, each a call of its own, with as little disturbance as can be."""
    return median(min(_cost_ms([sentence]) for _ in range(_TRIES)) for sentence in each)


def _cost_ms(sentences: Sequence[str]) -> float:
    """Of the step: a call of all these sentences, each after a turn of somebody else."""
    writer, punctuator = InDigits(), TaggedSentences(load_tagger())
    runs = [[Word(word, float(at), at + 0.3, 1.0) for at, word in enumerate(each.split())] for each in sentences]
    began_s = time.process_time()
    written = [writer.write(run) for run in runs]
    words = [word for run in written for word in run]
    punctuator.punctuate(words, list(accumulate(map(len, written)))[:-1])
    return 1000 * (time.process_time() - began_s) / len(sentences)
