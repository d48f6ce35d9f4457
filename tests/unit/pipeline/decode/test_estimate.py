"""Language models of one's own text: shares that sum to one, held to the book, alone and beside the general model."""

import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from pipeline.decode import CtcDecoder
from pipeline.decode.estimate import arpa, words_of
from pipeline.decode.language import general_model, load_language_model
from pipeline.decode.mixture import Mixture, packed, unpacked
from pipeline.decode.ngrams import NgramModel, from_arpa
from pipeline.errors import ModelMismatch
from pipeline.options import DecodeOptions
from tests.unit.pipeline.decode.ctc_emissions import CHARACTERS, emissions_of, path_of
from workers.cli import app
from workers.cli.outcome import Exit

TEXT = [
    "I would like to refill my Zyrtec, please.",
    "You can refill your Zyrtec at the desk.",
    "Is the desk open? It's open until 8.",
    "I'd like to speak to the desk.",
    "",
    "Please refill it at the desk",
]


def model_of(lines: list[str]) -> NgramModel:
    return from_arpa(arpa(lines), "text.arpa")


def vocabulary_of(lines: list[str]) -> list[str]:
    return sorted({word for line in lines for word in words_of(line)} | {"</s>", "<unk>"})


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["lm", "build", *map(str, arguments)], prog_name="voxqueue")


def test_words_are_those_that_a_model_of_sounds_writes() -> None:
    assert words_of("It's 8 o\u2019clock, Dr. M\u00fcller \u2014 e-mail me!") == [
        "it's",
        "o'clock",
        "dr",
        "m\u00fcller",
        "e",
        "mail",
        "me",
    ]


sentences = st.lists(st.sampled_from(["a", "b", "c", "d", "e"]), min_size=1, max_size=7).map(" ".join)


@settings(deadline=None, max_examples=60)
@given(st.lists(sentences, min_size=1, max_size=25), st.lists(st.sampled_from(["a", "b", "x"]), max_size=3))
def test_in_every_context_the_words_share_out_exactly_one(lines: list[str], before: list[str]) -> None:
    model = model_of(lines)
    for context in (model.context(*before), model.context("<s>", *before)):
        total = sum(math.exp(model.log_prob(context, word)) for word in vocabulary_of(lines))
        assert total == pytest.approx(1.0, abs=1e-4)


def test_what_was_said_is_likelier_than_what_was_not() -> None:
    model = model_of(TEXT)
    said = model.log_prob(model.context("at", "the"), "desk")
    assert said > model.log_prob(model.context("at", "the"), "please")
    assert said > model.log_prob(model.context(), "desk")
    assert model.log_prob(model.context(), "nonsense") < model.log_prob(model.context(), "open")


def test_a_word_that_follows_one_word_only_is_worth_little_after_others() -> None:
    """Kneser and Ney's own example: `francisco` is frequent, but after `san` alone."""
    lines = ["san francisco"] * 8 + [f"{word} glasses" for word in ["my", "your", "her", "his", "our"]]
    model = model_of(lines)
    assert model.log_prob(model.context(), "francisco") < model.log_prob(model.context(), "glasses")


def test_the_discounts_are_those_of_chen_and_goodman() -> None:
    # Of the trigrams, 4 occur once, 1 twice, 1 three and 1 four times: Y = 4 / (4 + 2) = 2/3.
    lines = ["p q"] * 1 + ["r s"] * 1 + ["t u"] * 2 + ["v w"] * 3 + ["x y"] * 4
    model = model_of(lines)
    once, often = (model.log_prob(model.context(*before), "</s>") for before in (("p", "q"), ("x", "y")))
    assert once < often < 0.0


@pytest.mark.parametrize("lines", [[], ["", "  "], ["123 4.5 !"]])
def test_a_text_without_words_is_refused(lines: list[str]) -> None:
    with pytest.raises(ValueError, match="no words"):
        arpa(lines)


def test_a_mixture_knows_the_words_of_both_and_weighs_them() -> None:
    domain, general = model_of(TEXT), general_model()
    mixed = Mixture(domain, general, 0.4)
    context = mixed.context("refill", "my")
    assert "zyrtec" in mixed
    assert "zyrtec" not in general
    assert "telephone" in mixed
    assert mixed.begins_a_word("zyrt")
    expected = 0.4 * math.exp(domain.log_prob(context[0], "please")) + 0.6 * math.exp(
        general.log_prob(context[1], "please")
    )
    assert mixed.log_prob(context, "please") == pytest.approx(math.log(expected))
    assert mixed.log_prob(context, "zyrtec") == pytest.approx(
        math.log(0.4) + domain.log_prob(context[0], "zyrtec"), abs=1e-9
    )
    assert mixed.order == 3


def test_what_is_packed_comes_out_again_and_nothing_else_does() -> None:
    content = packed(arpa(TEXT), 0.25)
    mixed = unpacked(content, "clinic.mix", general_model())
    assert mixed.log_prob(mixed.context("the"), "desk") < 0
    for broken in (b"", content[:-20], b"PK\x03\x04 of a kind"):
        with pytest.raises(ModelMismatch, match=r"clinic\.mix"):
            unpacked(broken, "clinic.mix", general_model())


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    path = tmp_path / "notes.txt"
    path.write_text("\n".join(TEXT * 5), encoding="utf-8")
    return path


def decoded(lm: Path) -> str:
    right, wrong = "refill my zyrtec", "refill my zyrtac"
    heard = path_of(CHARACTERS, right, frames_each=1)
    emissions = emissions_of(CHARACTERS, heard, 0.9)
    for frame, (label, rival) in enumerate(zip(heard, path_of(CHARACTERS, wrong, frames_each=1), strict=True)):
        if label != rival:
            emissions.log_probs[frame, [label, rival]] = [math.log(0.42), math.log(0.54)]
    return " ".join(word.text for word in CtcDecoder(CHARACTERS, DecodeOptions(), lm).decode(emissions).words)


def test_a_model_of_ones_own_notes_hears_ones_own_words(tmp_path: Path, notes: Path) -> None:
    load_language_model.cache_clear()
    alone, mixed = tmp_path / "clinic.arpa", tmp_path / "clinic.mix"
    for ran in (run(notes, "--out", alone), run(notes, notes, "--mix", "--out", mixed)):
        assert (ran.exit_code, ran.stdout) == (Exit.OK, "")
        assert "lines" in ran.stderr
    assert decoded(alone) == decoded(mixed) == "refill my zyrtec"
    assert mixed.stat().st_size < 20_000


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--out", "model.txt"), "must end with .arpa"),
        (("--out", "model.arpa", "--mix"), "must end with .mix"),
        (("--out", "model.mix", "--mix", "--weight", "1"), "between 0 and 1"),
    ],
)
def test_wrong_usage_is_told_in_a_line(notes: Path, arguments: tuple[str, ...], told: str) -> None:
    ran = run(notes, *arguments)
    assert ran.exit_code == Exit.USAGE
    assert told in ran.stderr
    assert ran.stderr.startswith("error INVALID_OPTIONS")


def test_text_that_cannot_be_read_or_holds_nothing_is_named(tmp_path: Path) -> None:
    ran = run(tmp_path / "missing.txt", "--out", tmp_path / "a.arpa")
    assert (ran.exit_code, "missing.txt" in ran.stderr) == (Exit.USAGE, True)
    (tmp_path / "notes.txt").write_text("hello there\n")
    ran = run(tmp_path / "notes.txt", "--out", tmp_path / "notes.txt" / "a.mix", "--mix")
    assert ran.stderr.startswith("error FILE_NOT_WRITABLE")
    (tmp_path / "call.wav").write_bytes(b"RIFF\xff\xfe\x00")
    ran = run(tmp_path / "call.wav", "--out", tmp_path / "a.arpa")
    assert ran.stderr.startswith("error FILE_NOT_READABLE")
    (tmp_path / "empty.txt").write_text("1 2 3\n")
    ran = run(tmp_path / "empty.txt", "--out", tmp_path / "a.arpa")
    assert (ran.exit_code, "no words" in ran.stderr) == (Exit.USAGE, True)
