"""What people wrote stands in place of what the machine wrote, word by word, and nothing else moves."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from pipeline.render import from_json, to_json
from pipeline.render.overlay import corrected
from pipeline.values import Channel, Recording, Transcript, Utterance, Word

RECORDING = Recording(60.0, 8000, "wav/mulaw", (Channel(0, "agent"), Channel(1, "customer")))


def utterance(channel: int, text: str, separator: str = " ") -> Utterance:
    words = tuple(Word(word, at * 0.5, at * 0.5 + 0.4, 0.5) for at, word in enumerate(text.split()))
    return Utterance(channel, None, 0.0, 5.0, separator.join(text.split()), 0.5, words)


def transcript(*utterances: Utterance) -> Transcript:
    return Transcript("\n".join(each.text for each in utterances), "en", "tiny.en", RECORDING, utterances)


CALL = transcript(utterance(0, "This is Cain speaking."), utterance(1, "Hello Cain, I owe $5."))


def test_a_word_is_replaced_in_the_words_and_in_both_texts() -> None:
    changed = corrected(CALL, {(0, 2): "Kane"})
    assert changed.text == "This is Kane speaking.\nHello Cain, I owe $5."
    assert changed.utterances[0].text == "This is Kane speaking."
    assert changed.utterances[0].words[2] == Word("Kane", 1.0, 1.4, 1.0)
    assert changed.utterances[1] is CALL.utterances[1]


def test_what_was_written_in_another_form_than_said_is_no_longer_so_marked() -> None:
    number = replace(CALL.utterances[1].words[4], spoken="five dollars", kind="money")
    with_number = replace(CALL.utterances[1], words=(*CALL.utterances[1].words[:4], number))
    word = corrected(transcript(with_number), {(0, 4): "$6."}).utterances[0].words[4]
    assert (word.text, word.spoken, word.kind) == ("$6.", None, None)


def test_an_empty_text_strikes_a_word_out_and_an_empty_utterance_goes() -> None:
    changed = corrected(CALL, {(0, 3): "", **dict.fromkeys([(1, at) for at in range(5)], "")})
    assert changed.text == "This is Cain"
    assert [len(each.words) for each in changed.utterances] == [3]


def test_several_words_may_stand_for_one() -> None:
    assert corrected(CALL, {(1, 1): "Mr. Kane,"}).utterances[1].text == "Hello Mr. Kane, I owe $5."


def test_a_language_without_spaces_stays_without() -> None:
    assert corrected(transcript(utterance(0, "今日 は 雨", "")), {(0, 2): "晴れ"}).text == "今日は晴れ"


places = st.dictionaries(st.tuples(st.integers(0, 1), st.integers(0, 4)), st.text("abc ", max_size=5))


@given(places)
def test_times_and_untouched_words_stay_and_the_document_can_be_read(texts: dict[tuple[int, int], str]) -> None:
    changed = corrected(CALL, texts)
    kept = [
        (texts.get((at, index), word.text), word.start_s, word.end_s)
        for at, each in enumerate(CALL.utterances)
        for index, word in enumerate(each.words)
        if texts.get((at, index)) != ""
    ]
    assert [(word.text, word.start_s, word.end_s) for each in changed.utterances for word in each.words] == kept
    assert from_json(to_json(changed)).text == changed.text


def test_nothing_corrected_changes_nothing() -> None:
    assert corrected(CALL, {}) == CALL
