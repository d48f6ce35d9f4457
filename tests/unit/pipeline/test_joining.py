"""The transcript of a call from those of its pieces: nothing but the times changes."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from pipeline.callstats import call_statistics
from pipeline.joining import Part, join
from pipeline.values import Channel, Recording, Transcript, Utterance, Word

RECORDING = Recording(10.0, 8000, "pcm_s16le", (Channel(0, "agent"), Channel(1, "customer")))


def utterance(start_s: float, text: str, channel: int = 0) -> Utterance:
    words = tuple(Word(word, start_s + i, start_s + i + 0.5, 0.9) for i, word in enumerate(text.split()))
    return Utterance(channel, "agent", start_s, words[-1].end_s, text, 0.9, words)


def transcript(*utterances: Utterance, recording: Recording = RECORDING) -> Transcript:
    return Transcript("\n".join(each.text for each in utterances), "en", "tiny.en", recording, utterances)


def test_nothing_has_no_transcript() -> None:
    assert join([]) is None


def test_one_part_from_the_start_is_the_whole() -> None:
    only = transcript(utterance(1.0, "Hello there."))
    assert join([Part(0.0, only)]) == only


def test_times_count_from_the_start_of_the_call() -> None:
    joined = join([Part(0.0, transcript(utterance(1.0, "Hello."))), Part(8.0, transcript(utterance(1.5, "Yes, hi.")))])
    assert joined is not None
    assert joined.text == "Hello.\nYes, hi."
    assert [each.start_s for each in joined.utterances] == [1.0, 9.5]
    assert [(word.text, word.start_s, word.end_s) for word in joined.utterances[1].words] == [
        ("Yes,", 9.5, 10.0),
        ("hi.", 10.5, 11.0),
    ]
    assert joined.recording.duration_s == 18.0


def test_pieces_that_overlap_are_put_in_the_order_of_the_conversation() -> None:
    slow = Part(0.0, transcript(utterance(2.0, "First."), utterance(9.0, "Third.")))
    quick = Part(1.0, transcript(utterance(4.0, "Second.", 1), utterance(8.0, "Third too.", 1)))
    joined = join([quick, slow])
    assert joined is not None
    assert joined.text == "First.\nSecond.\nThird.\nThird too."


def test_warnings_of_any_piece_are_warnings_of_the_call_once() -> None:
    one, other = (transcript(recording=replace(RECORDING, warnings=tokens)) for tokens in (("a", "b"), ("b", "c")))
    joined = join([Part(0.0, one), Part(5.0, other)])
    assert joined is not None
    assert joined.recording.warnings == ("a", "b", "c")


def test_a_channel_that_one_piece_does_not_know_is_a_channel_of_the_call() -> None:
    mono = transcript(recording=replace(RECORDING, channels=(Channel(0),)))
    joined = join([Part(0.0, mono), Part(5.0, transcript())])
    assert joined is not None
    assert joined.recording.channels == RECORDING.channels


@given(st.lists(st.tuples(st.floats(0, 1e4), st.lists(st.floats(0, 30), max_size=4)), min_size=1, max_size=6))
def test_no_word_is_lost_doubled_or_moved(parts: list[tuple[float, list[float]]]) -> None:
    given_parts = [
        Part(start_s, transcript(*(utterance(each, f"part{number} word{at}") for at, each in enumerate(sorted(times)))))
        for number, (start_s, times) in enumerate(parts)
    ]
    joined = join(given_parts)
    assert joined is not None
    expected = sorted(
        (word.start_s + part.start_s, word.text)
        for part in given_parts
        for each in part.transcript.utterances
        for word in each.words
    )
    found = sorted((word.start_s, word.text) for each in joined.utterances for word in each.words)
    assert found == expected
    starts = [each.start_s for each in joined.utterances]
    assert starts == sorted(starts)


def test_statistics_are_those_of_the_whole_call() -> None:
    one, other = (transcript(utterance(at_s, "Hello there.")) for at_s in (1.0, 2.0))
    parts = [
        Part(start_s, replace(each, call_statistics=call_statistics(each.recording, each.utterances)))
        for start_s, each in ((0.0, one), (20.0, other))
    ]
    joined = join(parts)
    assert joined is not None
    assert joined.call_statistics == call_statistics(joined.recording, joined.utterances)
    assert joined.call_statistics.total_conversation_duration_millis == round(1000 * joined.recording.duration_s)
    assert joined.recording.preflight is None
