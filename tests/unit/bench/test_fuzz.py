"""Whatever is done to a recording, its decoder ends in audio or in an error that has a code."""

import json
import subprocess
import sys
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from bench.fuzz import CAGE, mutants
from bench.mutations import MUTATIONS, Mutation, mutate
from pipeline.audio import Cage
from pipeline.errors import DecoderCrash, InputError
from tests.format_cases import CASES

ROOT = Path(__file__).parents[3]
FILES = 2 * len(CASES)
SEED = 4
CONTENT = bytes(range(256)) * 20


@pytest.mark.slow
def test_mutated_recordings_of_every_format_end_in_audio_or_a_known_error() -> None:
    # In a process that has no threads yet, as it forks; the failure names file and seed.
    command = [sys.executable, "-m", "bench.fuzz", "--files", str(FILES), "--seed", str(SEED), "--json"]
    environment = {"PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1", "PATH": "/usr/bin:/bin"}
    ran = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=170, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    counts = {row["outcome"]: row["files"] for row in json.loads(ran.stdout)["rows"]}
    known = {each.code for each in InputError.__subclasses__()} - {DecoderCrash.code}
    assert set(counts) <= known | {"ok"}
    assert sum(counts.values()) == FILES
    # Mutations that break nothing, or everything, would prove nothing.
    assert 0.1 * FILES < counts["ok"] < 0.9 * FILES
    assert len(counts) > 5


def test_a_seed_always_gives_the_same_file_and_another_one_another() -> None:
    # The second case is plain PCM, in which no encoder writes the time of day.
    first, again, other = (list(islice(mutants(seed), 2))[1] for seed in (1, 1, 2))
    assert first == again
    assert first.content != other.content


def test_each_format_is_mutated_in_turn() -> None:
    assert [each.name for each in islice(mutants(1), len(CASES))] == [case.name for case in CASES]


@pytest.mark.parametrize("mutation", dict.fromkeys(MUTATIONS), ids=lambda each: each.__name__)
def test_mutation_changes_a_file_and_makes_bytes_of_any_length_of_it(mutation: Mutation) -> None:
    random = np.random.default_rng(3)
    assert any(mutation(CONTENT, random) != CONTENT for _ in range(5))
    for length in range(1, 20):
        assert len(mutation(CONTENT[:length], random)) >= 0


def test_nothing_is_mutated_to_an_empty_file_which_would_try_nothing() -> None:
    random = np.random.default_rng(6)
    assert all(mutate(b"RIFF", random) for _ in range(300))


def test_fuzz_confines_a_decoder_to_the_memory_that_production_does() -> None:
    assert CAGE.memory_bytes == Cage().memory_bytes
    assert CAGE.cpu_s < Cage().cpu_s
