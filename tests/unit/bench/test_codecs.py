"""What a codec costs here and there is compared recording by recording."""

import numpy as np
import pytest

from bench.codecs import _compared, _errors
from bench.speech import Spoken

WORDS = np.full(20, 50)


def test_errors_are_counted_by_recording() -> None:
    silence = np.zeros(8, np.float32)
    recordings = [Spoken(silence, "Please hold the line."), Spoken(silence, "One moment, please.")]
    assert _errors(recordings, ["please hold a line", "one moment please please wait"]).tolist() == [1, 2]


def test_a_codec_that_costs_more_here_in_every_recording_is_dearer_for_certain() -> None:
    plain = np.full(20, 5), np.full(20, 7)
    row = _compared(WORDS, plain, (plain[0] + 3, plain[1] + 1))
    costs = {key: row[key] for key in ("ours_wer", "yardstick_wer", "ours_cost", "yardstick_cost", "dearer")}
    assert costs == {"ours_wer": 16, "yardstick_wer": 16, "ours_cost": 6, "yardstick_cost": 2, "dearer": 4}
    assert (row["low"], row["high"]) == (4, 4)


def test_one_recording_that_went_wrong_here_is_no_certainty() -> None:
    plain = np.full(20, 5), np.full(20, 5)
    lost = plain[0].copy()
    lost[3] += 30
    row = _compared(WORDS, plain, (lost, plain[1]))
    assert row["dearer"] == pytest.approx(3.0)
    assert row["low"] == 0
    assert row["high"] > 6
