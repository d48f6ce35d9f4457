"""The benches of inference run at toy size, so that they are right where there is a card."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from bench import gpu
from bench.batching import computed, efficiency, ended_s, in_order, ours, planned
from bench.harness import Plan, Unavailable
from bench.mixes import MIXES, lengths_of


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_the_bench_of_cards_measures_the_same_at_toy_size_without_one() -> None:
    found = gpu.measure(gpu.Setup("cpu", "toy", segments=4, rounds=2, budgets_s=(60.0, 300.0), tolerances=(0.15,)))
    assert set(found.figures) == {"pipeline_over_bare_loop", "bare_loop_over_floor", "pipeline_x_real_time"}
    assert all(figure.value > 0 and len(figure.rounds) == 2 for figure in found.figures.values())
    mixes, sweep = (report.rows for report in found.reports)
    assert {row["mix"] for row in mixes} == set(MIXES)
    assert len(sweep) == 2
    assert all(0 < row["efficiency"] <= 1 for row in sweep)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_card_it_says_so(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Unavailable, match="no GPU"):
        gpu.run(Plan())
    monkeypatch.setattr("sys.argv", ["gpu"])
    gpu.main()
    assert capsys.readouterr().out == "no GPU\n"


def test_batches_waste_little_and_no_one_waits_long_to_be_overtaken() -> None:
    found = planned(seed=3)
    assert found["padding_efficiency"] >= 0.85
    assert found["padding_efficiency_in_order"] < 0.5
    assert found["added_p95_ms"] <= 200


def test_what_is_counted_as_speech_and_as_time_is_right_on_paper() -> None:
    lengths_s = np.array([1.0, 3.0, 3.0])
    assert efficiency(in_order(3, 3), lengths_s) == pytest.approx(7 / 9)
    assert efficiency(in_order(3, 1), lengths_s) == pytest.approx(1.0)
    assert ended_s(in_order(3, 2), lengths_s) == pytest.approx([6 / 4300, 6 / 4300, 9 / 4300])
    assert sorted(map(sorted, ours(lengths_s))) == [[0], [1, 2]]


def test_speed_on_this_cpu_is_measured_in_three_ways(tmp_path: Path) -> None:
    rows = computed(Plan(quick=True), tmp_path, size="toy", count=2)
    assert len(rows) == 2
    assert all(row[way] > 0 for row in rows for way in ("alone", "in_order", "ours"))


def test_mixes_are_the_same_for_a_seed_and_within_what_a_segment_may_be() -> None:
    for mix in MIXES.values():
        lengths_s = lengths_of(mix, 500, 1)
        assert np.array_equal(lengths_s, lengths_of(mix, 500, 1))
        assert 0.5 <= lengths_s.min() <= mix.median_s <= lengths_s.max() <= 30
