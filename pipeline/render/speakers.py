"""What the speakers of a transcript are called where people read it."""

from pipeline.values import Transcript, Utterance


def are_labelled(transcript: Transcript) -> bool:
    """Whether a reader must be told who speaks: when there are several channels."""
    return len(transcript.recording.channels) > 1


def label_of(utterance: Utterance) -> str:
    """The role with a capital first letter, on one line; the number of the channel when there is no role."""
    role = " ".join((utterance.role or "").split()) or f"channel {utterance.channel}"
    return role[:1].upper() + role[1:]
