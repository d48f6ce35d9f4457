"""Language models without a compiled library: ARPA files by the book, and the general one by what its makers print."""

import math
from importlib import resources
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from pipeline.decode import CtcDecoder, load_decoder
from pipeline.decode import language as language_module
from pipeline.decode.estimate import arpa
from pipeline.decode.language import GENERAL, WordScores, general_model, load_language_model
from pipeline.decode.ngrams import NgramModel, from_arpa, from_npz
from pipeline.errors import ModelMismatch, ModelNotFound
from pipeline.options import DecodeOptions
from pipeline.spec import CtcVocabulary, ModelSpec, RawWaveform
from pipeline.values import CtcEmissions, WordSegment
from tests.unit.pipeline.decode.ctc_emissions import CHARACTERS, emissions_of, path_of

ARPA = """\\data\\
ngram 1=6
ngram 2=4
ngram 3=2

\\1-grams:
-2.0\t<unk>
-99\t<s>\t-0.1
-1.0\t</s>
-1.1\tthe\t-0.3
-1.5\tcat\t-0.2
-1.6\tsat\t-0.4

\\2-grams:
-0.5\t<s> the\t-0.05
-0.7\tthe cat\t-0.6
-0.8\tcat sat
-0.9\tsat </s>

\\3-grams:
-0.2\t<s> the cat
-0.3\tthe cat sat

\\end\\
"""


@pytest.fixture
def small() -> NgramModel:
    return from_arpa(ARPA, "small.arpa")


@pytest.fixture(scope="module")
def general() -> NgramModel:
    return from_npz((resources.files("pipeline.decode") / "general.npz").read_bytes())


def log10(model: NgramModel, text: str) -> float:
    *before, word = text.split()
    return model.log_prob(model.context(*before), word) / math.log(10)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cat", -1.5),
        ("the cat", -0.7),
        ("<s> the cat", -0.2),
        ("the cat sat", -0.3),
        # Not listed: the price of the context, then the shorter one.
        ("<s> cat", -0.1 - 1.5),
        ("the cat the", -0.6 - 0.2 - 1.1),
        ("sat cat sat", -0.8),
        ("<s> the sat", -0.05 - 0.3 - 1.6),
        # What is not known is shortened like all, and tells nothing of what comes after it.
        ("the dog", -0.3 - 2.0),
        ("<s> the dog", -0.05 - 0.3 - 2.0),
        ("the dog cat", -1.5),
    ],
)
def test_what_is_not_listed_costs_the_weight_of_its_context(small: NgramModel, text: str, expected: float) -> None:
    assert log10(small, text) == pytest.approx(expected, abs=1e-6)


def test_a_state_holds_no_more_words_than_count(small: NgramModel) -> None:
    assert small.order == 3
    assert small.after(small.context("the"), ["cat", "sat"]) == small.context("cat", "sat")
    assert len(small.context("the", "cat", "sat")) == 2
    assert small.context("the", "dog") == ()


@pytest.mark.parametrize(("text", "expected"), [("thank you for", -0.6499), ("of the world", -1.7620)])
def test_the_general_model_says_what_pocketsphinx_says(general: NgramModel, text: str, expected: float) -> None:
    # Eight bits for what has sixteen there.
    assert log10(general, text) == pytest.approx(expected, abs=0.02)


def test_after_any_words_the_general_model_shares_out_about_one(general: NgramModel) -> None:
    words = (resources.files("pipeline.decode") / "general.npz").read_bytes()
    with np.load(__import__("io").BytesIO(words)) as table:
        vocabulary = table["words"].tobytes().decode().split("\n")
    for before in ((), ("thank", "you"), ("in", "the")):
        context = general.context(*before)
        total = sum(math.exp(general.log_prob(context, word)) for word in vocabulary)
        assert total == pytest.approx(1.0, abs=0.1)


def test_the_general_model_knows_words_and_their_beginnings(general: NgramModel) -> None:
    assert "telephone" in general
    assert "qqqq" not in general
    assert general.begins_a_word("telep")
    assert not general.begins_a_word("telepq")
    assert not general.begins_a_word("zzzzzz")


@settings(deadline=None)
@given(st.lists(st.sampled_from(["the", "cat", "sat", "dog", "on", "mat", "you", "for"]), min_size=2, max_size=8))
def test_a_talk_is_worth_the_sum_of_its_words_whoever_keeps_the_state(words: list[str]) -> None:
    scores = load_language_model(Path(GENERAL))
    state, total = scores.get_start_state(), 0.0
    for word in words:
        worth, state = scores.score(state, word)
        total += worth
    ended, _ = scores.score(state, words[0], is_last_word=True)
    open_end, _ = scores.score(state, words[0])
    assert ended < open_end
    assert total < 1.5 * len(words)


def test_unknown_beginnings_cost_more_the_longer_they_are(small: NgramModel) -> None:
    scores = WordScores(small)
    assert scores.score_partial_token("ca") == 0.0
    costs = [scores.score_partial_token("x" * length) for length in (1, 6, 9, 20)]
    assert costs[0] == pytest.approx(-10.0)
    assert all(before >= after for before, after in pairwise(costs))


@pytest.mark.parametrize(
    "content",
    ["", "\\1-grams:\nnothing of use\n", ARPA.replace("<s> the\t", "<s> unheard\t"), "\\1-grams:\n" * 4],
)
def test_what_is_no_arpa_file_is_a_mismatch(content: str) -> None:
    with pytest.raises(ModelMismatch, match=r"broken\.arpa"):
        from_arpa(content, "broken.arpa")
    with pytest.raises(ModelMismatch):
        from_npz(content.encode())


def test_the_general_model_is_the_one_that_belongs_to_this_version(monkeypatch: pytest.MonkeyPatch) -> None:
    load_language_model.cache_clear()
    general_model.cache_clear()
    monkeypatch.setattr(language_module, "_GENERAL_SHA256", "0" * 64)
    with pytest.raises(ModelMismatch, match="general"):
        load_language_model(Path(GENERAL))
    monkeypatch.setattr(language_module, "_GENERAL_FILE", "missing.npz")
    with pytest.raises(ModelNotFound, match=r"missing\.npz"):
        load_language_model(Path(GENERAL))


def unsure(right: str, wrong: str, sure: float = 0.9, torn: float = 0.44) -> CtcEmissions:
    """What a model says of `right` that hears `wrong` a little better wherever they differ."""
    emissions = emissions_of(CHARACTERS, path_of(CHARACTERS, right, frames_each=1), sure)
    other = path_of(CHARACTERS, wrong, frames_each=1)
    heard = path_of(CHARACTERS, right, frames_each=1)
    for frame, (label, rival) in enumerate(zip(heard, other, strict=True)):
        if label != rival:
            emissions.log_probs[frame, label] = np.log(torn)
            emissions.log_probs[frame, rival] = np.log(torn + 0.1)
    return emissions


def texts(segment: WordSegment) -> str:
    return " ".join(word.text for word in segment.words)


HOMOPHONES = [
    ("thank you for calling", "thank you fur calling"),
    ("what is your name", "what is your nape"),
    ("can you hear me", "can you heap me"),
    ("please hold the line", "please hold the lime"),
    ("how can i help you", "how can i hemp you"),
]


@pytest.mark.parametrize(("right", "wrong"), HOMOPHONES)
def test_the_general_model_decides_what_was_meant(right: str, wrong: str) -> None:
    emissions = unsure(right, wrong)
    assert texts(CtcDecoder(CHARACTERS, DecodeOptions()).decode(emissions)) == wrong
    assert texts(CtcDecoder(CHARACTERS, DecodeOptions(), Path(GENERAL)).decode(emissions)) == right


def test_a_job_may_choose_the_general_model_or_none(tmp_path: Path) -> None:
    tokens = ("<pad>", "<s>", "</s>", "<unk>", "|", *"ABCDEFGHIJKLMNOPQRSTUVWXYZ'")
    vocabulary = CtcVocabulary(tokens, 0, frozenset({0, 1, 2, 3}), "|")
    spec = ModelSpec("m", "en", RawWaveform(), vocabulary, 0.02, pads_freely=True)
    right, wrong = HOMOPHONES[0]
    emissions = unsure(right, wrong)
    said = [
        texts(load_decoder(tmp_path, spec, DecodeOptions(language_model=chosen), lm).decode(emissions))
        for chosen, lm in (("general", None), ("none", Path(GENERAL)), (None, Path(GENERAL)), (None, None))
    ]
    assert said == [right, wrong, right, wrong]


def test_a_job_may_choose_a_model_that_the_worker_knows_by_name(tmp_path: Path) -> None:
    spec = ModelSpec(
        "m", "en", RawWaveform(), CtcVocabulary(("<pad>", "|", "a"), 0, frozenset({0}), "|"), 0.02, pads_freely=True
    )
    (tmp_path / "clinic.arpa").write_text(arpa(["a a"]), encoding="utf-8")
    load_decoder(tmp_path, spec, DecodeOptions(language_model="clinic"), named=tmp_path)
    for folder in (tmp_path, None):
        with pytest.raises(ModelNotFound, match="called ward"):
            load_decoder(tmp_path, spec, DecodeOptions(language_model="ward"), named=folder)


@pytest.mark.parametrize("name", ["../etc/passwd", "a/b", "a.b", "", "*", "-x", "x" * 101])
def test_the_name_of_a_language_model_is_no_path(name: str) -> None:
    with pytest.raises(ValidationError):
        DecodeOptions(language_model=name)
