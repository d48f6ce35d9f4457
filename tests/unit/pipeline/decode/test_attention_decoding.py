"""Whisper's tokens become words as people write them, without what was invented or said over and over."""

from pathlib import Path

import pytest
from tokenizers import Tokenizer

from pipeline.decode import AttentionDecoder, load_decoder
from pipeline.decode.repetition import compression_ratio, without_loops
from pipeline.errors import ModelMismatch, ModelNotFound
from pipeline.options import DecodeOptions, Hotword
from pipeline.spec import ModelSpec
from pipeline.values import AttentionEmissions, CtcEmissions, Hypothesis, Span, Word
from tests.unit.pipeline.decode.ctc_emissions import CHARACTERS, emissions_of

SPAN = Span(1, 10.0, 40.0)


@pytest.fixture(scope="module")
def tokenizer(default_folder: Path) -> Tokenizer:
    return Tokenizer.from_file(str(default_folder / "tokenizer.json"))


@pytest.fixture(scope="module")
def decoder(default_folder: Path, default_spec: ModelSpec) -> AttentionDecoder:
    made = load_decoder(default_folder, default_spec, DecodeOptions())
    assert isinstance(made, AttentionDecoder)
    return made


def hypothesis(tokenizer: Tokenizer, text: str, log_prob: float = -0.2, each_s: float = 0.2) -> Hypothesis:
    """`text` as tokens of equal length and a probability of 0.8 each."""
    ids = tokenizer.encode(text, add_special_tokens=False).ids
    starts = tuple(index * each_s for index in range(len(ids)))
    return Hypothesis(tuple(ids), log_prob, starts, tuple(start + each_s for start in starts), (0.8,) * len(ids))


def emissions(*hypotheses: Hypothesis, no_speech_prob: float = 0.01) -> AttentionEmissions:
    return AttentionEmissions(SPAN, hypotheses, no_speech_prob)


@pytest.mark.parametrize(
    "text",
    [
        "It costs $3.50 at 5 o'clock, U.S. time.",
        "“Really?” she said — no, wait... (yes)!",
        "R&D is 50% up, re-elected e.g. by Mr. Ng-Smith",
        "naïve café 日本 😀 end",
    ],
)
def test_words_are_what_stands_between_spaces(decoder: AttentionDecoder, tokenizer: Tokenizer, text: str) -> None:
    segment = decoder.decode(emissions(hypothesis(tokenizer, " " + text)))
    assert [word.text for word in segment.words] == text.split()


def test_times_count_from_the_start_of_the_recording(decoder: AttentionDecoder, tokenizer: Tokenizer) -> None:
    words = decoder.decode(emissions(hypothesis(tokenizer, " one two"))).words
    assert [word.start_s for word in words] == pytest.approx([10.0, 10.2])
    assert [word.end_s for word in words] == pytest.approx([10.2, 10.4])


def test_neither_time_nor_doubt_of_punctuation_counts(decoder: AttentionDecoder, tokenizer: Tokenizer) -> None:
    ids = tuple(tokenizer.encode(" Wait, please", add_special_tokens=False).ids)
    aligned = Hypothesis(ids, -0.2, (0.0, 0.5, 3.0), (0.5, 3.0, 3.5), (0.9, 0.1, 0.7))
    first, second = decoder.decode(emissions(aligned)).words
    assert (first.text, second.text) == ("Wait,", "please")
    assert (first.end_s, first.confidence, second.start_s) == pytest.approx((10.5, 0.9, 13.0))


@pytest.mark.parametrize(
    ("text", "start_s", "end_s"), [(" $184.", 10.0, 11.0), (" (Yes),", 10.5, 11.0), (" 50%", 10.0, 11.0)]
)
def test_signs_that_are_spoken_take_time_and_marks_do_not(
    decoder: AttentionDecoder, tokenizer: Tokenizer, text: str, start_s: float, end_s: float
) -> None:
    (word,) = decoder.decode(emissions(hypothesis(tokenizer, text, each_s=0.5))).words
    assert (word.start_s, word.end_s) == pytest.approx((start_s, end_s))


def test_confidence_is_the_geometric_mean_of_the_tokens(decoder: AttentionDecoder, tokenizer: Tokenizer) -> None:
    ids = tuple(tokenizer.encode(" o'clock", add_special_tokens=False).ids)
    assert len(ids) == 3
    (word,) = decoder.decode(emissions(Hypothesis(ids, -1, (0, 0.1, 0.2), (0.1, 0.2, 0.3), (0.9, 0.01, 0.4)))).words
    assert word.confidence == pytest.approx((0.9 * 0.4) ** 0.5)


def test_a_word_is_not_stretched_over_the_pause_beside_it(decoder: AttentionDecoder, tokenizer: Tokenizer) -> None:
    ids = tuple(tokenizer.encode(" yes no maybe", add_special_tokens=False).ids)
    stretched = Hypothesis(ids, -0.2, (0.0, 4.0, 4.3), (4.0, 4.3, 9.0), (0.9,) * 3)
    first, second, third = decoder.decode(emissions(stretched)).words
    assert 13.0 < first.start_s < 13.5, "the pause lies before the first word"
    assert 15.0 < third.end_s < 16.0, "and after the last"
    assert (first.end_s, second.start_s, second.end_s, third.start_s) == pytest.approx((14.0, 14.0, 14.3, 14.3))


def test_words_that_alignment_stepped_over_share_the_time_of_the_next(
    decoder: AttentionDecoder, tokenizer: Tokenizer
) -> None:
    ids = tuple(tokenizer.encode(" go to be here now", add_special_tokens=False).ids)
    stepped = Hypothesis(ids, -0.2, (0.0, 0.3, 0.3, 0.3, 1.1), (0.3, 0.3, 0.3, 1.1, 1.1), (0.9,) * 5)
    words = decoder.decode(emissions(stepped)).words
    assert [word.start_s for word in words] == pytest.approx([10.0, 10.3, 10.5, 10.7, 11.1])
    assert [word.end_s for word in words] == pytest.approx([10.3, 10.5, 10.7, 11.1, 11.22])


def test_a_number_in_digits_may_take_long(decoder: AttentionDecoder, tokenizer: Tokenizer) -> None:
    ids = tuple(tokenizer.encode(" 5551234", add_special_tokens=False).ids)
    edges = [3.5 * index / len(ids) for index in range(len(ids) + 1)]
    (word,) = decoder.decode(
        emissions(Hypothesis(ids, 0, tuple(edges[:-1]), tuple(edges[1:]), (0.9,) * len(ids)))
    ).words
    assert word.end_s - word.start_s == pytest.approx(3.5)


def test_without_alignment_the_words_share_the_segment(decoder: AttentionDecoder, tokenizer: Tokenizer) -> None:
    ids = tuple(tokenizer.encode(" one two three", add_special_tokens=False).ids)
    words = decoder.decode(AttentionEmissions(Span(0, 1.0, 2.5), (Hypothesis(ids, -0.5),), 0.0)).words
    assert [word.start_s for word in words] == pytest.approx([1.0, 1.5, 2.0])
    assert words[0].confidence == pytest.approx(0.6065, abs=1e-4)


@pytest.mark.parametrize(
    ("no_speech_prob", "log_prob", "kept"),
    [(0.7, -1.2, False), (0.7, -0.5, True), (0.5, -1.2, True)],
)
def test_text_invented_in_silence_is_dropped(
    decoder: AttentionDecoder,
    tokenizer: Tokenizer,
    no_speech_prob: float,
    log_prob: float,
    kept: bool,
) -> None:
    heard = emissions(hypothesis(tokenizer, " Thank you.", log_prob), no_speech_prob=no_speech_prob)
    assert bool(decoder.decode(heard).words) is kept


@pytest.mark.parametrize("silent", [(), (Hypothesis((), -0.1),)])
def test_a_segment_in_which_nothing_was_said_has_no_words(decoder: AttentionDecoder, silent: tuple[Hypothesis]) -> None:
    assert decoder.decode(emissions(*silent)).words == ()


@pytest.mark.parametrize("text", [" .", "...", " ♪ ♪", " - ?"])
def test_marks_without_a_word_are_no_text(decoder: AttentionDecoder, tokenizer: Tokenizer, text: str) -> None:
    assert decoder.decode(emissions(hypothesis(tokenizer, text))).words == ()


def test_the_best_score_wins_and_a_hotword_can_turn_it(
    default_folder: Path, default_spec: ModelSpec, tokenizer: Tokenizer
) -> None:
    heard = emissions(hypothesis(tokenizer, " call Cain now", -0.3), hypothesis(tokenizer, " call Kane now", -0.4))

    def said(*hotwords: str) -> list[str]:
        decoder = load_decoder(default_folder, default_spec, DecodeOptions(hotwords=hotwords))
        return [word.text for word in decoder.decode(heard).words]

    assert said() == ["call", "Cain", "now"]
    assert said("kane") == ["call", "Kane", "now"]


def test_a_loop_is_said_once_and_what_follows_it_is_kept(decoder: AttentionDecoder, tokenizer: Tokenizer) -> None:
    text = " Hello." + " I'm going to go to the store." * 20 + " Bye."
    words = decoder.decode(emissions(hypothesis(tokenizer, text, each_s=0.1))).words
    assert " ".join(word.text for word in words) == "Hello. I'm going to go to the store. Bye."


@pytest.mark.parametrize(
    "said",
    [
        "no no no no no",
        "one one two one one two three three",
        "0 8 0 0 5 5 5 1 2 3 4 8 0 0 5 5 5 1 2 3 4",
        "yes yes okay okay thank you thank you very much bye bye bye",
        "",
    ],
)
def test_people_may_repeat_themselves(said: str) -> None:
    words = tuple(Word(text, i, i + 0.5, 0.9) for i, text in enumerate(said.split()))
    assert without_loops(words) == words


def test_compression_ratio_is_that_of_the_reference() -> None:
    """openai/whisper: len(text_bytes) / len(zlib.compress(text_bytes))."""
    assert compression_ratio("a" * 100) == pytest.approx(100 / 12)


def test_a_folder_without_tokenizer_is_named(default_spec: ModelSpec, tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound, match=r"tokenizer\.json"):
        load_decoder(tmp_path, default_spec, DecodeOptions())


def test_a_language_model_chooses_between_hypotheses_that_sound_alike(
    default_folder: Path, default_spec: ModelSpec, tokenizer: Tokenizer
) -> None:
    heard = emissions(
        hypothesis(tokenizer, " Thank ewe very much.", -0.30), hypothesis(tokenizer, " Thank you very much.", -0.31)
    )
    with_lm, without = (
        load_decoder(default_folder, default_spec, DecodeOptions(language_model=name)) for name in ("general", "none")
    )
    assert [word.text for word in with_lm.decode(heard).words] == ["Thank", "you", "very", "much."]
    assert [word.text for word in without.decode(heard).words] == ["Thank", "ewe", "very", "much."]


def test_a_language_model_does_not_overrule_what_was_clearly_heard(
    default_folder: Path, default_spec: ModelSpec, tokenizer: Tokenizer
) -> None:
    heard = emissions(
        hypothesis(tokenizer, " Thank Ewan very much.", -0.1), hypothesis(tokenizer, " Thank you very much.", -0.9)
    )
    decoder = load_decoder(default_folder, default_spec, DecodeOptions(language_model="general"))
    assert [word.text for word in decoder.decode(heard).words][1] == "Ewan"


def test_a_hotword_is_a_phrase_and_what_it_sounds_like_is_written_as_it(
    default_folder: Path, default_spec: ModelSpec, tokenizer: Tokenizer
) -> None:
    options = DecodeOptions(hotwords=(Hotword(text="Zyrtec", sounds_like=("zeer tech",)),), hotword_weight=4)
    heard = emissions(hypothesis(tokenizer, " Take deer tech.", -0.2), hypothesis(tokenizer, " Take Zeer Tech.", -0.4))
    decoder = load_decoder(default_folder, default_spec, options)
    assert [word.text for word in decoder.decode(heard).words] == ["Take", "Zyrtec."]


def test_emissions_of_a_ctc_model_are_refused(decoder: AttentionDecoder) -> None:
    ctc: CtcEmissions = emissions_of(CHARACTERS, [0])
    with pytest.raises(ModelMismatch, match="CTC"):
        decoder.decode(ctc)


def test_the_best_readings_of_a_segment_are_listed_on_request_as_they_were_chosen(
    tokenizer: Tokenizer, default_folder: Path, default_spec: ModelSpec
) -> None:
    options = DecodeOptions(n_best=2, hotwords=("Acme",), hotword_weight=20)
    chooser = load_decoder(default_folder, default_spec, options)
    found = emissions(*(hypothesis(tokenizer, text, prob) for text, prob in ((" at me", -0.1), (" a knee", -0.2))))
    found = emissions(*found.hypotheses, hypothesis(tokenizer, " Acme", -0.3))
    segment = chooser.decode(found)
    assert [each.text for each in segment.alternatives] == ["Acme", "at me"]
    assert segment.alternatives[0].score > segment.alternatives[1].score == pytest.approx(-0.1)
    assert [word.text for word in segment.words] == ["Acme"]
