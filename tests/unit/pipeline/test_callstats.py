"""Call statistics hold the sums that they must, treat all speakers alike, and count a known call as a person would."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.callstats import call_statistics
from pipeline.conversation import CallStatistics, Interval, Turn
from pipeline.preflight import ChannelReport, Preflight, SpeechStretch
from pipeline.values import Channel, Recording, Utterance, Word

AGENT, CUSTOMER = Channel(0, "agent"), Channel(1, "customer")
CALL = Recording(60.0, 8000, "pcm_mulaw", (AGENT, CUSTOMER))


def _said(channel: Channel, start_s: float, end_s: float, text: str = "one two three") -> Utterance:
    words = tuple(Word(word, start_s, end_s, 1.0) for word in text.split())
    return Utterance(channel.index, channel.role, start_s, end_s, text, 1.0, words)


CONVERSATION = [
    _said(AGENT, 1.0, 6.0, "thank you for calling how may I help"),
    _said(CUSTOMER, 6.5, 12.5, "my heater broke"),
    _said(AGENT, 8.0, 8.5, "mhm"),
    _said(AGENT, 11.5, 15.0, "I am sorry"),
    _said(AGENT, 15.5, 20.0, "when was that"),
    _said(CUSTOMER, 30.0, 33.0, "on Monday"),
    _said(AGENT, 32.9, 36.0, "I see"),
    _said(AGENT, 50.0, 58.0, "goodbye then"),
]
"""The agent answers, backs up with `mhm`, interrupts after 5 s, and speaks at last after 14 s of silence."""


@pytest.fixture(scope="module")
def call() -> CallStatistics:
    return call_statistics(CALL, CONVERSATION)


def test_talk_time_of_each_and_of_both(call: CallStatistics) -> None:
    assert call.total_conversation_duration_millis == 60_000
    times = {name: each.total_time_millis for name, each in call.talk_time.details_by_participant.items()}
    assert times == {"agent": 5000 + 500 + 3500 + 4500 + 3100 + 8000, "customer": 6000 + 3000}
    assert call.talk_time.total_time_millis == 33_600
    assert call.talk_time.details_by_participant["customer"].share == 0.15


def test_silence_is_what_nobody_fills(call: CallStatistics) -> None:
    assert [(each.begin_offset_millis, each.end_offset_millis) for each in call.non_talk_time.instances] == [
        *((0, 1000), (6000, 6500), (15_000, 15_500), (20_000, 30_000), (36_000, 50_000), (58_000, 60_000))
    ]
    assert call.non_talk_time.total_time_millis == 28_000


def test_overlaps_are_all_and_interruptions_those_that_end_a_turn(call: CallStatistics) -> None:
    assert call.overlaps is not None
    assert [each.duration_millis for each in call.overlaps.instances] == [500, 1000, 100]
    assert call.interruptions is not None
    assert call.interruptions.interruptions_by_interrupter == {"agent": (Interval(11_500, 12_500, 1000),)}
    assert (call.interruptions.total_count, call.interruptions.total_time_millis) == (1, 1000)


def test_turns_go_on_through_a_word_of_assent_and_end_with_a_long_pause(call: CallStatistics) -> None:
    assert call.turns is not None
    turns = [(turn.participant, turn.begin_offset_millis, turn.end_offset_millis) for turn in call.turns.instances]
    assert turns == [
        ("agent", 1000, 6000),
        ("customer", 6500, 12_500),
        ("agent", 11_500, 20_000),
        ("customer", 30_000, 33_000),
        ("agent", 32_900, 36_000),
        ("agent", 50_000, 58_000),
    ]
    agent = call.turns.details_by_participant["agent"]
    assert (agent.total_count, agent.longest_monologue) == (4, Interval(11_500, 20_000, 8500))


def test_speed_counts_spoken_words_by_the_time_that_was_talked(call: CallStatistics) -> None:
    speeds = {name: each.average_words_per_minute for name, each in call.talk_speed.details_by_participant.items()}
    assert speeds == {"agent": round(19 / 24_600 * 60_000), "customer": round(5 / 9000 * 60_000)}


def test_a_number_in_digits_is_as_many_words_as_were_spoken() -> None:
    price = Word("$19.99", 0.0, 2.0, 1.0, "nineteen dollars and ninety nine cents", "money")
    said = replace(_said(AGENT, 0.0, 2.0), words=(price,))
    assert call_statistics(CALL, [said]).talk_speed.details_by_participant["agent"].average_words_per_minute == 180


def test_each_second_of_a_turn_has_a_loudness_score() -> None:
    stretches = (SpeechStretch(1.0, 3.5, (-35.0, -70.0, 0.0)), SpeechStretch(50.0, 51.0, (-7.0,)))
    recording = replace(CALL, preflight=_heard(stretches))
    statistics = call_statistics(recording, CONVERSATION)
    assert statistics.turns is not None
    assert [turn.loudness_scores for turn in statistics.turns.instances if turn.loudness_scores] == [
        (50.0, 0.0, 100.0),
        (90.0,),
    ]
    assert statistics.loudness_scores.details_by_participant["agent"].average == 60.0
    assert "customer" not in statistics.loudness_scores.details_by_participant


def test_who_shares_a_channel_is_not_told_apart() -> None:
    mono = replace(CALL, channels=(Channel(0),))
    statistics = call_statistics(mono, [_said(Channel(0), 1.0, 6.0), _said(Channel(0), 7.0, 9.0)])
    assert (statistics.overlaps, statistics.interruptions, statistics.turns) == (None, None, None)
    assert statistics.talk_time.details_by_participant["channel_0"].total_time_millis == 7000
    assert statistics.non_talk_time.total_time_millis == 53_000


def test_a_participant_may_have_two_channels_and_need_not_talk() -> None:
    channels = (AGENT, Channel(1, "agent"), Channel(2, "customer"), Channel(3))
    recording = replace(CALL, channels=channels)
    both = [_said(channels[0], 0.0, 4.0), _said(channels[1], 2.0, 6.0)]
    statistics = call_statistics(recording, both)
    times = {name: each.total_time_millis for name, each in statistics.talk_time.details_by_participant.items()}
    assert times == {"agent": 6000, "customer": 0, "channel_3": 0}
    assert list(statistics.talk_speed.details_by_participant) == ["agent"]
    assert statistics.overlaps is not None
    assert statistics.overlaps.total_count == 0


def test_an_empty_call_is_all_silence() -> None:
    statistics = call_statistics(CALL, [])
    assert statistics.non_talk_time.instances == (Interval(0, 60_000, 60_000),)
    assert statistics.talk_time.total_time_millis == 0
    assert statistics.turns is not None
    assert statistics.turns.total_count == 0


@st.composite
def conversations(draw: st.DrawFn) -> tuple[Recording, list[Utterance]]:
    """A call of two or three channels; the utterances of one channel don't overlap, as format promises."""
    channels = tuple(Channel(index, role) for index, role in enumerate(("agent", "customer", None)))
    channels = channels[: draw(st.integers(2, 3))]
    said: list[Utterance] = []
    for channel in channels:
        edges = sorted(draw(st.lists(st.integers(0, 60_000), max_size=12, unique=True)))
        pairs = list(pairwise(edges))[::2]
        said += [_said(channel, begin / 1000, end / 1000) for begin, end in pairs]
    said.sort(key=lambda each: (each.start_s, each.channel))
    return replace(CALL, channels=channels), said


@settings(max_examples=60, deadline=None)
@given(conversations())
def test_talk_and_silence_make_up_the_call(call: tuple[Recording, list[Utterance]]) -> None:
    statistics = call_statistics(*call)
    assert statistics.overlaps is not None
    covered = [False] * 60_000
    twice = 0
    for utterance in call[1]:
        for at in range(round(1000 * utterance.start_s), round(1000 * utterance.end_s)):
            twice += covered[at]
            covered[at] = True
    assert statistics.non_talk_time.total_time_millis == covered.count(False)
    # Where three talk at once, two of them talk beside another one.
    assert statistics.talk_time.total_time_millis == covered.count(True) + twice
    assert statistics.overlaps.total_time_millis <= twice
    if len(call[0].channels) == 2:
        assert statistics.overlaps.total_time_millis == twice


@settings(max_examples=60, deadline=None)
@given(conversations())
def test_turns_cover_all_talk_and_longest_ones_are_turns(call: tuple[Recording, list[Utterance]]) -> None:
    turns = call_statistics(*call).turns
    assert turns is not None
    assert (
        turns.total_count == len(turns.instances) == sum(d.total_count for d in turns.details_by_participant.values())
    )
    for said in call[1]:
        assert any(_covers(turn, said) for turn in turns.instances)
    for name, details in turns.details_by_participant.items():
        lengths = [turn.duration_millis for turn in turns.instances if turn.participant == name]
        assert details.longest_monologue.duration_millis == max(lengths)


@settings(max_examples=60, deadline=None)
@given(conversations())
def test_who_is_called_what_changes_nothing_else(call: tuple[Recording, list[Utterance]]) -> None:
    recording, said = call
    recording = replace(recording, channels=recording.channels[:2])
    said = [each for each in said if each.channel < 2]
    plain = call_statistics(recording, said)
    swapped = call_statistics(replace(recording, channels=(Channel(0, "customer"), Channel(1, "agent"))), said)
    assert (plain.non_talk_time, plain.overlaps) == (swapped.non_talk_time, swapped.overlaps)
    other = {"agent": "customer", "customer": "agent"}
    assert plain.interruptions is not None
    assert swapped.interruptions is not None
    renamed = {other[name]: each for name, each in plain.interruptions.interruptions_by_interrupter.items()}
    assert renamed == swapped.interruptions.interruptions_by_interrupter
    for name, time in plain.talk_time.details_by_participant.items():
        assert swapped.talk_time.details_by_participant[other[name]] == time


def _covers(turn: Turn, said: Utterance) -> bool:
    return turn.begin_offset_millis <= round(1000 * said.start_s) and round(1000 * said.end_s) <= turn.end_offset_millis


def _heard(stretches: tuple[SpeechStretch, ...]) -> Preflight:
    report = ChannelReport(
        index=0,
        role="agent",
        is_silent=False,
        speech_share=0.1,
        speech_lufs=-23.0,
        speech_dbfs=-23.0,
        peak_dbfs=-6.0,
        true_peak_dbtp=-6.0,
        clipped_share=0.0,
        snr_db=30.0,
        bandwidth_hz=3400,
        dc_offset=0.0,
        leak_share=0.0,
        music_share=0.0,
        marks=(),
        speech=stretches,
    )
    return Preflight("wav", "pcm_mulaw", 8000, 60.0, 1, (report,), ())
