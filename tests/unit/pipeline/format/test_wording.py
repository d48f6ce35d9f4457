"""What a reader does not want is left out or masked, what a tenant writes otherwise is so written; times stay true."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.format.fillers import without_fillers
from pipeline.format.lines import Part, format_line
from pipeline.format.profanity import masked
from pipeline.format.redaction import redacted
from pipeline.format.replacing import REPLACED, Replacer
from pipeline.joining import Part as Piece
from pipeline.joining import join
from pipeline.options import Entity, FormatOptions, RedactionOptions
from pipeline.render import from_json, to_csv, to_json
from pipeline.values import Alternative, NBest, Word
from tests.unit.pipeline.format.test_formatting import PLAIN, WHISPER, formatted, said, turns


def words_of(text: str) -> list[Word]:
    return [Word(part, at * 0.5, at * 0.5 + 0.4, 0.9 - at / 100) for at, part in enumerate(text.split())]


def joined(words: list[Word]) -> str:
    return " ".join(word.text for word in words)


@pytest.mark.parametrize(
    ("spoken", "left"),
    [
        ("um so uh I think erm yes mhm", "so I think yes"),
        ("Um, I think so.", "I think so."),
        ("Um, we went, uh, home.", "We went, home."),
        ("We went home, um. Then back.", "We went home. Then back."),
        ("Yes. Um. Uh, iPhone sales rose.", "Yes. iPhone sales rose."),
        ("HM THE ER IS CLOSED ER TODAY", "THE ER IS CLOSED TODAY"),
        ("Go to ER now.", "Go to ER now."),
        ("I like him, you know, ah, uh-huh. Oh five.", "I like him, you know, ah, uh-huh. Oh five."),
        ("the umbrella of Emma Hummel is five mm", "the umbrella of Emma Hummel is five mm"),
        ("mm-hmm mmhmm Mhm. uhm umm Uhh... hmm", ""),
    ],
)
def test_fillers_are_left_out_and_sentences_stay_whole(spoken: str, left: str) -> None:
    assert joined(without_fillers(words_of(spoken))) == left


@given(st.lists(st.sampled_from(["um", "Uh,", "er.", "so", "We", "went.", "the"]), max_size=10))
def test_what_is_left_without_fillers_keeps_its_times(parts: list[str]) -> None:
    before = words_of(" ".join(parts))
    after = without_fillers(before)
    kept = {(word.start_s, word.end_s): word.text.lower().rstrip(".,") for word in before}
    assert [kept[word.start_s, word.end_s] for word in after] == [word.text.lower().rstrip(".,") for word in after]
    assert without_fillers(after) == after


def test_a_turn_of_nothing_but_fillers_is_no_utterance() -> None:
    segments = said("your number please", 0.0), said("mhm", 1.4, channel=1), said("uh four uh five six", 4.0, channel=1)
    assert turns(formatted(*segments, fillers="remove")) == [(0, "your number please"), (1, "456")]
    assert formatted(said("um", 0.0), fillers="remove").utterances == ()
    assert [text for _, text in turns(formatted(*segments, spec=PLAIN, fillers="remove"))][1] == "456."


@pytest.mark.parametrize(
    ("spoken", "written"),
    [
        ("call vox cue now", "call Voxqueue now"),
        ("Vox Cue, please", "Voxqueue, please"),
        ("it is (vox cue).", "it is (Voxqueue)."),
        ("vox cues and vox", "vox cues and vox"),
        ("E mail me. E mail him", "Email me. Email him"),
        ("I phone you", "iPhone you"),
        ("the e mail", "the email"),
        ("vox cue pro", "VQ Pro"),
        ("at noon p m.", "at noon p.m."),
    ],
)
def test_whole_words_are_replaced_whatever_their_case_and_marks_the_longest_first(spoken: str, written: str) -> None:
    table = {"Vox cue": "Voxqueue", "vox cue pro": "VQ Pro", "e mail": "email", "i phone": "iPhone", "p m": "p.m."}
    assert joined(Replacer(table).replaced(words_of(spoken))) == written


def test_what_was_replaced_lasts_as_long_and_keeps_what_was_spoken() -> None:
    _, word, _ = Replacer({"vox cue": "Voxqueue"}).replaced(words_of("call vox cue. now"))
    assert (word.text, word.spoken, word.kind) == ("Voxqueue.", "vox cue", REPLACED)
    assert (word.start_s, word.end_s, word.confidence) == (0.5, 1.4, 0.88)


def test_a_replacement_is_written_as_it_was_given() -> None:
    table = {"twenty": "Twenty-One", "oh two": "iO2"}
    spoken = said("oh two is five and TWENTY three", 0.0)
    (turn,) = formatted(spoken, spec=PLAIN, replace=table).utterances
    assert [word.text for word in turn.words if word.kind == REPLACED] == ["iO2", "Twenty-One"]
    assert from_json(to_json(formatted(spoken, replace=table))).utterances[0].words[0].spoken == "oh two"
    lower = formatted(said("mail me", 0.0), spec=PLAIN, replace={"mail": "e-mail"})
    assert lower.text == "E-mail me."


@pytest.mark.parametrize(
    ("spoken", "written"),
    [
        ("What the Fuck, you shit-head!", "What the F***, you s***-head!"),
        ("That's bullshit.", "That's b*******."),
        ("the bitch's bastards", "the b****'s b*******"),
        ("in Scunthorpe the cockpit classes assess Dickens", "in Scunthorpe the cockpit classes assess Dickens"),
        ("Call Dick Smith. Dick Smith, yes, and Dick's wife.", "Call Dick Smith. Dick Smith, yes, and Dick's wife."),
        ("He is a dick. Dick move.", "He is a d***. D*** move."),
        ("dick smith has pussy willows", "dick smith has pussy willows"),
        ("write to dick@shit.com or fuck.com", "write to dick@shit.com or fuck.com"),
        ("shiitake, prick test, cum laude, damn", "shiitake, prick test, cum laude, damn"),
    ],
)
def test_profanity_is_masked_by_exact_forms_only(spoken: str, written: str) -> None:
    after = masked(words_of(spoken))
    assert joined(after) == written
    assert [word.start_s for word in after] == [word.start_s for word in words_of(spoken)]


def test_no_field_of_a_document_shows_what_is_masked() -> None:
    transcript = formatted(said("oh shit happens", 0.0), profanity="mask", replace={"oh shit": "Oh shit"})
    assert transcript.text == "Oh s*** happens"
    assert "shit" not in to_json(transcript) + to_csv(transcript)
    assert formatted(said("oh shit happens", 0.0), profanity="keep").text == "oh shit happens"


def test_what_else_was_thought_of_is_masked_too_and_never_shown_redacted() -> None:
    segment = replace(said("oh sheet", 2.0), alternatives=(Alternative("oh sheet", -1.5), Alternative("oh shit", -2.0)))
    listed = formatted(segment, profanity="mask").n_best
    assert listed == (NBest(segment.span, (Alternative("oh sheet", -1.5), Alternative("oh s***", -2.0))),)
    plain = formatted(segment)
    assert [each.text for each in plain.n_best[0].alternatives] == ["oh sheet", "oh shit"]
    assert json.loads(to_json(plain))["n_best"][0]["alternatives"][0] == {"text": "oh sheet", "score": -1.5}
    assert from_json(to_json(plain)).n_best[0].alternatives == segment.alternatives
    assert "n_best" not in to_json(redacted(plain, RedactionOptions())) + to_json(formatted(said("oh", 0.0)))
    joined = join([Piece(0.0, plain), Piece(60.0, plain)])
    assert joined is not None
    assert [each.span.start_s for each in joined.n_best] == [2.0, 62.0]


def test_all_of_it_is_left_alone_unless_somebody_asks() -> None:
    text = "Um, oh shit, vox cue."
    assert formatted(said(text, 0.0)).text == text
    japanese = type(WHISPER)("w", "ja", WHISPER.front_end, WHISPER.vocabulary, 0.02, pads_freely=True)
    assert formatted(said("um 日本 です。", 0.0), spec=japanese, fillers="remove").text == "um日本です。"


@pytest.mark.parametrize(
    "options",
    [
        {"fillers": "remove"},
        {"profanity": "mask"},
        {"replace": {"one one": "X", "card": "thing", "four": "Fore", "john": "Jon", "dick": "Dick"}},
    ],
)
def test_no_wording_hides_a_secret_from_redaction(options: dict[str, Any]) -> None:
    card = "my card number is four uh one one one one one one um one one one one one one one one"
    transcript = formatted(said(card, 0.0), said("my name is dick johnson", 9.0, channel=1), **options)
    found = redacted(transcript, RedactionOptions(entities=(Entity.CARD, Entity.NAME)))
    assert [word.text for word in found.utterances[0].words][-1] == "[CARD_NUMBER]"
    assert found.utterances[1].text == "my name is [NAME]"
    assert not any(word in to_json(found) for word in ("four", "Fore", "johnson", "one"))


@pytest.mark.parametrize(
    "spoken", ["three zero eight and then six nine five one one nine", "zero five nine six five seventeen eleven"]
)
def test_digits_that_look_like_a_time_or_date_are_those_of_the_number_that_they_belong_to(spoken: str) -> None:
    asked, answer = said("and your social security number please", 0.0), said(f"it is {spoken}", 5.0, channel=1)
    transcript = formatted(asked, answer, spec=PLAIN, replace={"nine": "NEIN"})
    assert any(word.kind in {"time", "date"} for word in transcript.utterances[1].words)
    assert redacted(transcript, RedactionOptions()).utterances[1].text == "It is [SSN]"


def test_a_name_that_is_known_by_its_capitals_is_found_though_it_was_replaced() -> None:
    spoken = formatted(said("my name is john smith and", 0.0), spec=PLAIN, replace={"john": "Jon", "smith": "Smyth"})
    assert "John" not in redacted(spoken, RedactionOptions(entities=(Entity.NAME,))).text.title()


def test_a_line_is_worded_as_a_call_is() -> None:
    options = FormatOptions(fillers="remove", profanity="mask", replace={"vox cue": "Voxqueue"})
    line = format_line("um call vox cue about five shit cables", options=options)
    assert line.text == "Call Voxqueue about five s*** cables."
    assert line.tokens == ("call", "Voxqueue", "about", "five", "shit", "cables")
    assert [(span.start, span.end, span.spoken, span.kind) for span in line.spans] == [(1, 2, "vox cue", REPLACED)]
    line = format_line("uh vox cue costs five dollars", [Part.NUMBERS], options)
    assert (line.text, len(line.spans)) == ("Voxqueue costs $5", 2)
