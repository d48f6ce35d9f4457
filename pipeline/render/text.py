"""Plain text: a line an utterance, with time and speaker when there are several channels."""

from pipeline.render import speakers
from pipeline.values import Transcript, Utterance


def to_text(transcript: Transcript) -> str:
    """One line an utterance: `[01:05] Agent: ...` if several channels were recorded, only what was said if one."""
    line = _labelled if speakers.are_labelled(transcript) else _plain
    return "".join(f"{line(utterance)}\n" for utterance in transcript.utterances)


def _plain(utterance: Utterance) -> str:
    return utterance.text


def _labelled(utterance: Utterance) -> str:
    return f"[{clock(utterance.start_s)}] {speakers.label_of(utterance)}: {utterance.text}"


def clock(time_s: float) -> str:
    """`mm:ss`, or `h:mm:ss` from the first full hour on."""
    # Rounded down as every player shows it, so that a jump to it never misses the first word.
    minutes, seconds = divmod(int(time_s), 60)
    hours, minutes_of_hour = divmod(minutes, 60)
    return f"{hours}:{minutes_of_hour:02}:{seconds:02}" if hours else f"{minutes:02}:{seconds:02}"
