"""What the speakers of a transcript are called where people read it."""

from pipeline.values import Transcript, Utterance


def are_labelled(transcript: Transcript) -> bool:
    """Whether a reader must be told who speaks: when there are several channels."""
    return len(transcript.recording.channels) > 1


def label_of(utterance: Utterance) -> str:
    """The role with a capital first letter, on one line; the number of the channel when there is no role."""
    return name_of(utterance.role, utterance.channel)


def name_of(role: str | None, channel: int) -> str:
    """What is written for a speaker of this role, if any, on this channel."""
    role = " ".join((role or "").split()) or f"channel {channel}"
    return role[:1].upper() + role[1:]
