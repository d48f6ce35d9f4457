"""The line formats of NIST's scoring tools: CTM, a word a line, and RTTM, an utterance a line.

Channels are numbered from 1 there. https://github.com/usnistgov/SCTK/blob/master/doc/infmts.htm and NIST's RT-09
evaluation plan, appendix A.
"""

from pipeline.render import speakers
from pipeline.values import Transcript, Word

RECORDING = "recording"
"""Transcripts carry no name of a file, so that lines name all recordings alike."""


def to_ctm(transcript: Transcript) -> str:
    """`<file> <channel> <start> <duration> <word> <confidence>` a line, sorted by channel, then time.

    A word that was written in another form is given as it was spoken, in equal parts of its time.
    """
    # Stable: utterances of one channel are in order of time already.
    utterances = sorted(transcript.utterances, key=lambda utterance: utterance.channel)
    return "".join(
        f"{RECORDING} {utterance.channel + 1} {start_s:.3f} {duration_s:.3f} {text} {word.confidence:.3f}\n"
        for utterance in utterances
        for word in utterance.words
        for start_s, duration_s, text in _spoken(word)
    )


def to_rttm(transcript: Transcript) -> str:
    """`SPEAKER <file> <channel> <start> <duration> <NA> <NA> <speaker> <NA> <NA>` a line, in order of time."""
    return "".join(
        f"SPEAKER {RECORDING} {utterance.channel + 1} {utterance.start_s:.3f} "
        f"{utterance.end_s - utterance.start_s:.3f} "
        f"<NA> <NA> {'_'.join(speakers.label_of(utterance).split())} <NA> <NA>\n"
        for utterance in transcript.utterances
    )


def _spoken(word: Word) -> list[tuple[float, float, str]]:
    """Each word that was spoken with its start and its duration."""
    texts = (word.spoken or word.text).split()
    each_s = (word.end_s - word.start_s) / max(len(texts), 1)
    return [(word.start_s + at * each_s, each_s, text) for at, text in enumerate(texts)]
