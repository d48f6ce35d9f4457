"""The JSON document is canonical: the same transcript gives the same bytes, through any number of round trips."""

import json
import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.callstats import call_statistics
from pipeline.errors import ArtifactDamaged
from pipeline.preflight import ChannelReport, Finding, MarkKind, Preflight, Severity, SoundMark, SpeechStretch
from pipeline.render import from_json, to_json
from pipeline.values import Channel, Recording, Transcript, Utterance, Word

WORDS = (Word("Señor", 0.10049, 0.5, 0.98765), Word("“Ng”.", 0.5, 0.9, 1.0))
CALL = Transcript(
    text="Señor “Ng”.",
    language="en",
    model="whisper-tiny.en",
    recording=Recording(61.23456, 8000, "wav/mulaw", (Channel(0, "agent"), Channel(1)), ("truncated",)),
    utterances=(Utterance(0, "agent", 0.10049, 0.9, "Señor “Ng”.", 0.99382, WORDS),),
)

REPORT = Preflight(
    container="wav",
    codec="pcm_mulaw",
    sample_rate_hz=8000,
    duration_s=61.235,
    channel_count=1,
    channels=(
        ChannelReport(
            index=0,
            role="agent",
            is_silent=False,
            speech_share=0.4,
            speech_lufs=-23.1,
            speech_dbfs=-24.0,
            peak_dbfs=-3.0,
            true_peak_dbtp=-2.5,
            clipped_share=0.0,
            snr_db=None,
            bandwidth_hz=3400,
            dc_offset=0.0,
            leak_share=0.0,
            music_share=0.0,
            marks=(SoundMark(MarkKind.DTMF, 1.0, 1.5, "42#"), SoundMark(MarkKind.MUSIC, 2.0, 9.0)),
            speech=(SpeechStretch(10.0, 11.2, (-23.0, -25.5)),),
        ),
    ),
    findings=(Finding("NOISY", Severity.WARNING, 0, "Look."),),
)
seconds = st.floats(0, 1e5)
confidences = st.floats(0, 1)
words = st.builds(Word, st.text(st.characters(codec="utf-8")), seconds, seconds, confidences)
roles = st.none() | st.text(st.characters(codec="utf-8"), min_size=1)
utterances = st.builds(
    Utterance, st.integers(0, 7), roles, seconds, seconds, st.text(st.characters(codec="utf-8")), confidences,
    st.lists(words, max_size=3).map(tuple),
)  # fmt: skip
recordings = st.builds(
    Recording, seconds, st.integers(4000, 384_000), st.just("flac"),
    st.lists(st.builds(Channel, st.integers(0, 7), roles)).map(tuple), st.just(("dual_mono",)),
)  # fmt: skip
transcripts = st.builds(
    Transcript, st.text(st.characters(codec="utf-8")), st.just("en"), st.text(st.characters(codec="utf-8")), recordings,
    st.lists(utterances, max_size=3).map(tuple),
)  # fmt: skip


def test_the_document_says_what_its_schema_promises() -> None:
    assert json.loads(to_json(CALL)) == {
        "schema": "voxqueue.transcript/1",
        "text": "Señor “Ng”.",
        "language": "en",
        "duration_s": 61.235,
        "model": "whisper-tiny.en",
        "codec": "wav/mulaw",
        "sample_rate_hz": 8000,
        "channels": [{"index": 0, "role": "agent"}, {"index": 1, "role": None}],
        "segments": [
            {
                "id": 0,
                "channel": 0,
                "role": "agent",
                "start_s": 0.1,
                "end_s": 0.9,
                "text": "Señor “Ng”.",
                "confidence": 0.994,
                "words": [
                    {"text": "Señor", "start_s": 0.1, "end_s": 0.5, "confidence": 0.988},
                    {"text": "“Ng”.", "start_s": 0.5, "end_s": 0.9, "confidence": 1.0},
                ],
            },
        ],
        "warnings": ["truncated"],
    }


def test_fields_stand_in_one_order_and_letters_are_not_escaped() -> None:
    document = to_json(CALL)
    assert document.startswith('{"schema":"voxqueue.transcript/1","text":"Señor “Ng”.","language":"en",')
    assert document.endswith("}\n")
    assert document.count("\n") == 1


@settings(max_examples=40)
@given(transcripts)
def test_reading_and_writing_again_gives_the_same_bytes(transcript: Transcript) -> None:
    once = to_json(transcript)
    read = from_json(once)
    assert to_json(read) == once
    assert [utterance.text for utterance in read.utterances] == [utterance.text for utterance in transcript.utterances]


@given(seconds, seconds)
def test_rounding_never_puts_an_end_before_its_start(one_s: float, other_s: float) -> None:
    start_s, end_s = sorted((one_s, other_s))
    word = Word("a", start_s, end_s, 0.5)
    utterance = Utterance(0, None, start_s, end_s, "a", 0.5, (word,))
    (read,) = from_json(to_json(Transcript("a", "en", "m", CALL.recording, (utterance,)))).utterances
    assert read.start_s <= read.words[0].start_s <= read.words[0].end_s <= read.end_s


def test_zero_has_one_spelling() -> None:
    silent = Transcript("", "en", "m", Recording(-0.0, 8000, "wav", ()), ())
    assert '"duration_s":0.0,' in to_json(silent)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_time_that_is_not_a_number_is_never_written(value: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        to_json(Transcript("", "en", "m", Recording(value, 8000, "wav", ()), ()))


@pytest.mark.parametrize(
    "document",
    ["", "[]", '{"schema":"voxqueue.transcript/9"}', to_json(CALL)[:-30], to_json(CALL).replace('"id":0,', "")],
)
def test_another_document_is_refused(document: str) -> None:
    with pytest.raises(ArtifactDamaged, match=r"voxqueue\.transcript/1"):
        from_json(document)


def test_the_preflight_report_is_a_part_of_the_document_and_is_read_back() -> None:
    call = replace(CALL, recording=replace(CALL.recording, preflight=REPORT))
    document = json.loads(to_json(call))
    channel = document["preflight"]["channels"][0]
    assert channel["marks"][0] == {"kind": "dtmf", "start_s": 1.0, "end_s": 1.5, "digits": "42#"}
    assert channel["speech"] == [{"start_s": 10.0, "end_s": 11.2, "loudness_lufs": [-23.0, -25.5]}]
    assert document["preflight"]["findings"][0]["severity"] == "warning"
    assert from_json(to_json(call)).recording.preflight == REPORT


def test_call_statistics_are_a_part_of_the_document_and_are_read_back() -> None:
    call = replace(CALL, call_statistics=call_statistics(CALL.recording, CALL.utterances))
    statistics = json.loads(to_json(call))["call_statistics"]
    assert statistics["total_conversation_duration_millis"] == 61_235
    assert statistics["talk_time"]["details_by_participant"]["agent"] == {"total_time_millis": 800, "share": 0.0131}
    assert statistics["talk_speed"]["details_by_participant"] == {"agent": {"average_words_per_minute": 150}}
    assert statistics["interruptions"]["total_count"] == 0
    assert from_json(to_json(call)).call_statistics == call.call_statistics
