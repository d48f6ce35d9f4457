"""CTC decoding is proved with emissions whose answer is known, in characters and in pieces, against the best path."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.decode import CtcDecoder, Decoder, GreedyDecoder, decode, load_decoder
from pipeline.decode.labels import CtcLabels
from pipeline.decode.windows import windows
from pipeline.errors import ModelMismatch, ModelNotFound
from pipeline.options import DecodeOptions
from pipeline.spec import CtcVocabulary, ModelSpec, RawWaveform
from pipeline.values import AttentionEmissions, Channel, CtcEmissions, Recording, Span, Stream, WordSegment
from tests.unit.pipeline.decode.ctc_emissions import CHARACTERS, FRAME_S, PIECES, START_S, emissions_of, path_of

SPEC = ModelSpec(
    "tiny",
    "en",
    RawWaveform(),
    CtcVocabulary(("<pad>", "|", "a", "b"), 0, frozenset({0}), "|"),
    FRAME_S,
    pads_freely=True,
)


def both(labels: CtcLabels) -> list[Decoder]:
    return [GreedyDecoder(labels), CtcDecoder(labels, DecodeOptions())]


def texts(segment: WordSegment) -> list[str]:
    return [word.text for word in segment.words]


@pytest.mark.parametrize("decoder", both(CHARACTERS), ids=["greedy", "beam"])
def test_a_sentence_with_repeated_letters_is_read_from_characters(decoder: Decoder) -> None:
    emissions = emissions_of(CHARACTERS, path_of(CHARACTERS, "it's a bookkeeper's  call"))
    assert texts(decoder.decode(emissions)) == ["it's", "a", "bookkeeper's", "call"]


@pytest.mark.parametrize("decoder", both(PIECES), ids=["greedy", "beam"])
def test_a_sentence_is_read_from_pieces(decoder: Decoder) -> None:
    pieces = ["▁he", "ll", "o", "▁wor", "ld", "▁book", "ke", "ep", "er", "▁a"]
    assert texts(decoder.decode(emissions_of(PIECES, path_of(PIECES, pieces)))) == ["hello", "world", "bookkeeper", "a"]


@pytest.mark.parametrize("decoder", both(PIECES), ids=["greedy", "beam"])
def test_a_piece_that_is_only_a_word_start_joins_the_next_one(decoder: Decoder) -> None:
    emissions = emissions_of(PIECES, path_of(PIECES, ["▁he", "ll", "o", "▁", "o", "x", "▁a"]))
    assert texts(decoder.decode(emissions)) == ["hello", "ox", "a"]


def test_an_unlikely_lone_word_start_does_not_cut_other_words_apart() -> None:
    path = path_of(PIECES, ["▁he", "ll", "o", "▁wor", "ld"])
    emissions = emissions_of(PIECES, path, 0.8)
    emissions.log_probs[:, PIECES.texts.index("▁")] = np.log(0.15)
    assert texts(CtcDecoder(PIECES, DecodeOptions()).decode(emissions)) == ["hello", "world"]


@pytest.mark.parametrize("decoder", both(CHARACTERS), ids=["greedy", "beam"])
def test_times_are_those_of_the_frames_of_a_word(decoder: Decoder) -> None:
    #                                        frames: 0-2 blank, 3-4 a, 5-6 space, 7-8 b, 9 blank, 10-11 b
    emissions = emissions_of(CHARACTERS, [0, 0, 0, *path_of(CHARACTERS, "a bb")])
    first, second = decoder.decode(emissions).words
    assert (first.start_s, first.end_s) == pytest.approx((START_S + 3 * FRAME_S, START_S + 5 * FRAME_S))
    assert (second.start_s, second.end_s) == pytest.approx((START_S + 7 * FRAME_S, START_S + 12 * FRAME_S))


@settings(max_examples=60, deadline=None)
@given(
    st.text("ab' ", max_size=12),
    st.sampled_from([1, 2, 3]),
    st.floats(0.85, 0.999),
)
def test_beam_search_equals_the_best_path_where_every_frame_is_sure(text: str, frames: int, sure: float) -> None:
    emissions = emissions_of(CHARACTERS, path_of(CHARACTERS, text, frames), sure)
    greedy, beam = (decoder.decode(emissions) for decoder in both(CHARACTERS))
    assert texts(greedy) == text.split()
    assert beam.span == greedy.span
    for ours, reference in zip(beam.words, greedy.words, strict=True):
        assert ours.text == reference.text
        assert ours.confidence == pytest.approx(reference.confidence, abs=1e-6)
        assert (ours.start_s, ours.end_s) == pytest.approx((reference.start_s, reference.end_s))


def test_beam_search_sums_paths_where_the_best_path_fails() -> None:
    """The textbook case: "" is the best single path (0.36), but the paths that write "a" sum to more (0.64)."""
    labels = CtcLabels(("", " ", "a"), 0, pieces=False)
    probs = np.array([[0.6, 1e-6, 0.4], [0.6, 1e-6, 0.4]])
    emissions = CtcEmissions(Span(0, 0.0, 0.04), np.log(probs).astype(np.float16), FRAME_S)
    assert texts(GreedyDecoder(labels).decode(emissions)) == []
    assert texts(CtcDecoder(labels, DecodeOptions()).decode(emissions)) == ["a"]


def _cat_or_cap() -> CtcEmissions:
    emissions = emissions_of(CHARACTERS, path_of(CHARACTERS, "the cat"), 0.95)
    t, p = CHARACTERS.texts.index("t"), CHARACTERS.texts.index("p")
    emissions.log_probs[-2:, t] = np.log(0.55)
    emissions.log_probs[-2:, p] = np.log(0.42)
    return emissions


@pytest.mark.parametrize(("hotwords", "said"), [((), "cat"), (("cap",), "cap"), (("CAP",), "CAP"), (("dog",), "cat")])
def test_a_hotword_decides_where_the_sound_is_ambiguous(hotwords: tuple[str, ...], said: str) -> None:
    decoder = CtcDecoder(CHARACTERS, DecodeOptions(hotwords=hotwords))
    assert texts(decoder.decode(_cat_or_cap())) == ["the", said]


def test_a_word_that_a_hotword_forced_is_less_sure() -> None:
    heard = CtcDecoder(CHARACTERS, DecodeOptions()).decode(_cat_or_cap()).words[1]
    forced = CtcDecoder(CHARACTERS, DecodeOptions(hotwords=("cap",))).decode(_cat_or_cap()).words[1]
    assert 0 < forced.confidence < 0.8 * heard.confidence


def test_a_weight_of_zero_makes_hotwords_harmless() -> None:
    decoder = CtcDecoder(CHARACTERS, DecodeOptions(hotwords=("cap",), hotword_weight=0))
    assert texts(decoder.decode(_cat_or_cap())) == ["the", "cat"]


ARPA = """\\data\\
ngram 1=6
ngram 2=2

\\1-grams:
-2.0\t<unk>\t0
0\t<s>\t0
-1.0\t</s>\t0
-1.0\tthe\t-0.3
-1.5\tcat\t0
-1.5\tcap\t0

\\2-grams:
-2.5\tthe cat
-0.1\tthe cap

\\end\\
"""


def test_a_language_model_decides_where_the_sound_is_ambiguous(tmp_path: Path) -> None:
    lm = tmp_path / "tiny.arpa"
    lm.write_text(ARPA, encoding="utf-8")
    assert texts(CtcDecoder(CHARACTERS, DecodeOptions(), lm).decode(_cat_or_cap())) == ["the", "cap"]


def test_a_language_model_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound, match="missing"):
        CtcDecoder(CHARACTERS, DecodeOptions(), tmp_path / "missing.arpa")


@pytest.mark.parametrize("decoder", both(CHARACTERS), ids=["greedy", "beam"])
@pytest.mark.parametrize("frames", [0, 1, 40])
def test_blanks_alone_are_no_words(decoder: Decoder, frames: int) -> None:
    assert decoder.decode(emissions_of(CHARACTERS, [0] * frames)).words == ()


@pytest.mark.parametrize("decoder", both(CHARACTERS), ids=["greedy", "beam"])
def test_special_labels_write_nothing(decoder: Decoder) -> None:
    path = [1, *path_of(CHARACTERS, "hi"), 3, 3, 2]
    assert texts(decoder.decode(emissions_of(CHARACTERS, path))) == ["hi"]


@pytest.mark.parametrize("decoder", both(CHARACTERS), ids=["greedy", "beam"])
def test_emissions_of_another_model_are_refused(decoder: Decoder) -> None:
    with pytest.raises(ModelMismatch, match="labels"):
        decoder.decode(emissions_of(PIECES, [1, 2]))
    with pytest.raises(ModelMismatch, match="attention"):
        decoder.decode(AttentionEmissions(Span(0, 0, 1), (), 0.0))


def test_words_never_leave_their_segment() -> None:
    emissions = emissions_of(CHARACTERS, path_of(CHARACTERS, "hi"))
    cut = CtcEmissions(Span(0, 0.0, 0.05), emissions.log_probs, FRAME_S)
    assert CtcDecoder(CHARACTERS, DecodeOptions()).decode(cut).words[0].end_s == 0.05


def test_case_is_kept_where_a_model_writes_it_and_folded_where_all_is_upper_case() -> None:
    assert CHARACTERS.texts[5:8] == ("a", "b", "c")
    cased = CtcVocabulary(("▁He", "llo", "<blank>"), 2, frozenset({2}), "▁")
    assert CtcLabels.of(cased).texts == ("▁He", "llo", "")


def test_a_beam_of_one_without_hotwords_is_the_best_path(tmp_path: Path) -> None:
    assert isinstance(load_decoder(tmp_path, SPEC, DecodeOptions(beam_width=1)), GreedyDecoder)
    assert isinstance(load_decoder(tmp_path, SPEC, DecodeOptions(beam_width=1, hotwords=("a",))), CtcDecoder)
    assert isinstance(load_decoder(tmp_path, SPEC, DecodeOptions()), CtcDecoder)


def test_the_step_decodes_segments_as_they_are_taken() -> None:
    def segments() -> list[CtcEmissions]:
        return [emissions_of(CHARACTERS, path_of(CHARACTERS, text)) for text in ("one", "two")]

    recording = Recording(5.0, 16_000, "wav", (Channel(0),))
    taken = iter(segments())
    stream = decode(Stream(recording, taken), CtcDecoder(CHARACTERS, DecodeOptions()))
    assert stream.recording is recording
    assert texts(next(iter(stream.segments))) == ["one"]
    assert texts(CtcDecoder(CHARACTERS, DecodeOptions()).decode(next(taken))) == ["two"], "the second was not taken yet"


def test_decoding_loads_no_torch_and_says_nothing_of_kenlm() -> None:
    program = (
        "import sys, logging; logging.basicConfig(level=logging.INFO);"
        "from pathlib import Path; from pipeline.decode import load_decoder;"
        "from pipeline.options import DecodeOptions;"
        "from tests.unit.pipeline.decode.test_ctc_decoding import SPEC;"
        "load_decoder(Path(), SPEC, DecodeOptions());"
        "assert logging.getLogger('pyctcdecode').level == logging.NOTSET;"
        "sys.exit(any(name in sys.modules for name in ('torch', 'transformers', 'librosa')))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_best_readings_of_a_segment_are_listed_on_request_with_falling_scores() -> None:
    emissions = emissions_of(CHARACTERS, path_of(CHARACTERS, "a call"), 0.6)
    assert CtcDecoder(CHARACTERS, DecodeOptions()).decode(emissions).alternatives == ()
    decoder = CtcDecoder(CHARACTERS, DecodeOptions(beam_width=1, n_best=8))
    segment = decoder.decode(emissions)
    assert 2 <= len(segment.alternatives) <= 8
    assert segment.alternatives[0].text == " ".join(texts(segment)) == "a call"
    scores = [each.score for each in segment.alternatives]
    assert scores == sorted(scores, reverse=True)
    assert len({each.text for each in segment.alternatives}) == len(scores)
    spec = load_decoder(Path(), SPEC, DecodeOptions(beam_width=1, n_best=1))
    assert isinstance(spec, CtcDecoder)


def test_readings_of_a_segment_that_is_searched_in_parts_are_listed_as_well() -> None:
    sure, torn = ("all is well " * 60).strip(), " a call"
    path = path_of(CHARACTERS, sure + torn)
    # The ends of both parts are in doubt.
    probability = [0.95] * (len(path) - 2 * len(torn)) + [0.6] * (2 * len(torn))
    emissions = emissions_of(CHARACTERS, path, probability)
    assert len(windows(emissions.log_probs, CHARACTERS, FRAME_S)) > 1
    segment = CtcDecoder(CHARACTERS, DecodeOptions(n_best=3)).decode(emissions)
    assert len(segment.alternatives) == 3
    assert segment.alternatives[0].text == " ".join(texts(segment)) == sure + torn
    assert all(each.text.startswith(sure) for each in segment.alternatives)
    assert len({each.text for each in segment.alternatives}) == 3
    scores = [each.score for each in segment.alternatives]
    assert scores == sorted(scores, reverse=True)
