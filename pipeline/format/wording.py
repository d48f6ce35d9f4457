"""The words of one speaker as they are to be written: each part of formatting in its place."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import accumulate, chain, pairwise

from pipeline.format.figures import number_writer_for
from pipeline.format.fillers import without_fillers
from pipeline.format.profanity import masked, masked_text
from pipeline.format.prose import punctuator_for
from pipeline.format.replacing import Replacer
from pipeline.options import FormatOptions
from pipeline.spec import ModelSpec
from pipeline.values import NBest, Word, WordSegment


class Wording:
    """Leaves out fillers and replaces words; then numbers, punctuation and case where the model left them open.

    Profanity is masked at last, when it is known what has a capital.
    """

    def __init__(self, spec: ModelSpec, options: FormatOptions) -> None:
        is_english = spec.language == "en"
        self._removes_fillers = is_english and options.fillers == "remove"
        self._masks = is_english and options.profanity == "mask"
        self._replacer = Replacer(options.replace or {})
        self._writer = number_writer_for(spec, options)
        self._punctuator = punctuator_for(spec)

    def worded(self, runs: Sequence[Sequence[Word]]) -> Iterator[Sequence[Word]]:
        """The runs of one channel, read together as a sentence may go on after a pause; those left empty are gone."""
        written = [run for run in map(self._written, runs) if run]
        edges = list(accumulate(map(len, written), initial=0))
        words = self._punctuator.punctuate(list(chain.from_iterable(written)), edges[1:-1])
        if self._masks:
            words = masked(words)
        return (words[start:end] for start, end in pairwise(edges))

    def listed(self, segment: WordSegment) -> NBest:
        """The readings of a segment as they were decoded, but for profanity that is to be masked."""
        alternatives = segment.alternatives
        if self._masks:
            alternatives = tuple(replace(each, text=_masked_text(each.text)) for each in alternatives)
        return NBest(segment.span, alternatives)

    def _written(self, run: Sequence[Word]) -> Sequence[Word]:
        left = without_fillers(run) if self._removes_fillers else run
        return self._writer.write(self._replacer.replaced(left))


def _masked_text(text: str) -> str:
    return " ".join(map(masked_text, text.split()))
