"""What hotwords are worth, phrase by phrase, and how what they sound like is written."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from pipeline.decode import CtcDecoder
from pipeline.decode.hotwords import Hotwords, PhraseScores
from pipeline.options import HOTWORD_WEIGHT, DecodeOptions, Hotword
from pipeline.values import Word
from tests.unit.pipeline.decode.ctc_emissions import CHARACTERS, emissions_of, path_of

SCORES = PhraseScores({"acme corp": 3.0, "acme": 1.0, "zyrtec": 5.0, "new york city": 2.0})


@pytest.mark.parametrize(
    ("text", "worth"),
    [
        ("", 0.0),
        ("we called the corp", 0.0),
        ("acme said so", 1.0),
        ("the acme corp said", 6.0),
        ("acme acme corp", 7.0),
        ("take zyrtec zyrtec", 10.0),
        ("new york times", 0.0),
        ("off to new york", 4.0),
        ("off to new york city", 6.0),
        ("renew york city", 0.0),
    ],
)
def test_a_phrase_is_worth_its_weight_for_each_word_and_only_whole(text: str, worth: float) -> None:
    assert SCORES.score(text) == worth


def test_the_beginning_of_a_word_is_worth_its_share() -> None:
    assert "zyr" in SCORES
    assert "zyx" not in SCORES
    assert SCORES.score_partial_token("zyr") == 2.5
    assert SCORES.score_partial_token("x") == 0.0


@given(st.lists(st.sampled_from(["acme", "corp", "new", "york", "city", "a"]), max_size=8))
def test_no_text_is_worth_more_than_all_its_words(words: list[str]) -> None:
    assert 0.0 <= SCORES.score(" ".join(words)) <= 3.0 * len(words)


def words(*texts: str) -> list[Word]:
    return [Word(text, float(at), at + 0.5, 0.9) for at, text in enumerate(texts)]


ALIASES = Hotwords(
    DecodeOptions(hotwords=(Hotword(text="Zyrtec", sounds_like=("zeer tech", "sir tech")), "Acme")), caseless=True
)


def test_what_a_hotword_sounds_like_is_written_as_the_hotword_in_its_time() -> None:
    spelled = ALIASES.spelled(words("take", "zeer", "tech.", "now"))
    assert [word.text for word in spelled] == ["take", "Zyrtec.", "now"]
    assert (spelled[1].start_s, spelled[1].end_s) == (1.0, 2.5)
    assert spelled[1].confidence == pytest.approx(0.9)
    assert spelled[0] == words("take")[0]


def test_a_part_of_what_it_sounds_like_is_left_alone() -> None:
    said = tuple(words("the", "tech", "zeer", "sir", "techno"))
    assert ALIASES.spelled(said) == said


def test_several_words_share_the_time_of_one() -> None:
    spelling = Hotwords(DecodeOptions(hotwords=(Hotword(text="New York", sounds_like=("newark",)),)))
    first, second = spelling.spelled(words("Newark,"))
    assert (first.text, second.text) == ("New", "York,")
    assert first.start_s == 0.0
    assert first.end_s == second.start_s == pytest.approx(0.5 * 3 / 7)
    assert second.end_s == 0.5


def test_weights_are_those_of_the_hotword_or_of_the_job() -> None:
    options = DecodeOptions(hotwords=("a b", Hotword(text="c", weight=0.5, sounds_like=("see",))), hotword_weight=3)
    assert Hotwords(options).weights == {"a b": 3.0, "c": 0.5, "see": 0.5}
    assert not Hotwords(DecodeOptions())


def test_a_sound_alike_is_heard_and_written_as_the_hotword() -> None:
    emissions = emissions_of(CHARACTERS, path_of(CHARACTERS, "the cat"), 0.95)
    t, p = CHARACTERS.texts.index("t"), CHARACTERS.texts.index("p")
    emissions.log_probs[-2:, t] = math.log(0.55)
    emissions.log_probs[-2:, p] = math.log(0.42)
    options = DecodeOptions(hotwords=(Hotword(text="KAPP", sounds_like=("cap",)),))
    assert [word.text for word in CtcDecoder(CHARACTERS, options).decode(emissions).words] == ["the", "KAPP"]


@pytest.mark.parametrize("given", [{"text": ""}, {"text": "a", "weight": -1}, {"text": "a", "sounds_like": [""]}, {}])
def test_a_hotword_without_sense_is_refused(given: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        DecodeOptions.model_validate({"hotwords": [given]})


def test_a_hotword_is_written_with_its_capitals_where_the_model_writes_none() -> None:
    spelling = Hotwords(DecodeOptions(hotwords=("iPhone", "New York", "acme")), caseless=True)
    spelled = spelling.spelled(words("my", "iphone", "in", "new", "york", "acme"))
    assert [word.text for word in spelled] == ["my", "iPhone", "in", "New", "York", "acme"]
    assert [word.start_s for word in spelled] == [float(at) for at in range(6)]


def test_the_beginning_of_a_phrase_is_worth_nothing_where_the_text_ends() -> None:
    scores = PhraseScores({"acme corp": 6.0, "saint marys hospital": 6.0})
    assert (scores.score("my acme"), scores.whole("my acme")) == (6.0, 0.0)
    assert scores.whole("my acme corp") == scores.score("my acme corp") == 12.0
    emissions = emissions_of(CHARACTERS, path_of(CHARACTERS, "my acne"), 0.95)
    n, m = CHARACTERS.texts.index("n"), CHARACTERS.texts.index("m")
    emissions.log_probs[-4:-2, n], emissions.log_probs[-4:-2, m] = np.log(0.88), np.log(0.1)
    segment = CtcDecoder(CHARACTERS, DecodeOptions(hotwords=("Acme Corp",))).decode(emissions)
    assert [word.text for word in segment.words] == ["my", "acne"]


def test_what_a_job_expects_goes_before_what_its_tenant_does() -> None:
    own, tenants = "Zyrtec", Hotword(text="Zirtek", sounds_like=("zyrtec",), weight=0.0)
    hotwords = Hotwords(DecodeOptions(hotwords=(own, tenants)), caseless=True)
    assert hotwords.weights["zyrtec"] == HOTWORD_WEIGHT
    assert [word.text for word in hotwords.spelled([Word("zyrtec", 0, 1, 0.9)])] == ["Zyrtec"]
