"""The formats of other tools: lines that can be read back word for word."""

import csv
import io

from pipeline.render import to_csv, to_ctm, to_rttm
from pipeline.values import Channel, Recording, Transcript, Utterance, Word

MONEY = Word("$25", 1.0, 2.5, 0.8, "twenty five dollars", "money")
AGENT = Utterance(0, "head agent", 0.5, 2.5, "Pay $25", 0.85, (Word("Pay", 0.5, 0.9, 0.9), MONEY))
CALLER = Utterance(1, None, 0.2, 0.4, "=SUM(1)", 0.7, (Word("=SUM(1)", 0.2, 0.4, 0.7),))
RECORDING = Recording(3.0, 8000, "pcm_mulaw", (Channel(0, "head agent"), Channel(1)))
CALL = Transcript("=SUM(1)\nPay $25", "en", "m", RECORDING, (CALLER, AGENT))


def test_ctm_holds_what_was_spoken_by_channel_and_time() -> None:
    assert to_ctm(CALL).splitlines() == [
        "recording 1 0.500 0.400 Pay 0.900",
        "recording 1 1.000 0.500 twenty 0.800",
        "recording 1 1.500 0.500 five 0.800",
        "recording 1 2.000 0.500 dollars 0.800",
        "recording 2 0.200 0.200 =SUM(1) 0.700",
    ]


def test_rttm_holds_a_line_an_utterance_with_ten_fields() -> None:
    lines = [line.split(" ") for line in to_rttm(CALL).splitlines()]
    assert [len(line) for line in lines] == [10, 10]
    assert [(line[2], line[3], line[4], line[7]) for line in lines] == [
        ("2", "0.200", "0.200", "Channel_1"),
        ("1", "0.500", "2.000", "Head_agent"),
    ]


def test_csv_is_read_back_and_no_cell_is_a_formula() -> None:
    rows = list(csv.DictReader(io.StringIO(to_csv(CALL))))
    assert [row["text"] for row in rows] == ["'=SUM(1)", "Pay", "$25"]
    assert (rows[2]["spoken"], rows[2]["kind"], rows[2]["start_s"]) == ("twenty five dollars", "money", "1.000")


def test_a_recording_without_words_has_no_lines() -> None:
    silent = Transcript("", "en", "m", RECORDING, ())
    assert (to_ctm(silent), to_rttm(silent)) == ("", "")
    assert list(csv.DictReader(io.StringIO(to_csv(silent)))) == []
