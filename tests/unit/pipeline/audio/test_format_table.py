"""docs/formats.md lists what is read, and each line of it is true of a real file."""

import re
from pathlib import Path

import numpy as np
import pytest

from pipeline.audio import Limits
from pipeline.audio.headerless import ENCODINGS
from pipeline.audio.libav import LibavDecoder
from pipeline.audio.magic import HEAD_BYTES, Container, identify
from pipeline.audio.sndfile import SndfileDecoder
from tests.av_recordings import likeness
from tests.format_cases import CASES, FFMPEG, LIBSNDFILE, SECONDS, Case, table
from tests.reading import open_here

ROOT = Path(__file__).parents[4]
LIMITS = Limits(max_duration_s=60, max_channels=8)
DECODERS = {LIBSNDFILE: SndfileDecoder, FFMPEG: LibavDecoder}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_file_of_each_encoding_in_each_container_is_decoded_to_what_was_encoded(case: Case, tmp_path: Path) -> None:
    path = tmp_path / "recording"
    path.write_bytes(case.make(tmp_path / "made"))
    with open_here(path, LIMITS, case.declared) as reader:
        samples = np.concatenate(list(reader.blocks()))
        assert type(reader._decoder) is DECODERS[case.by]
        assert (reader.codec, reader.sample_rate_hz, reader.warnings) == (case.codec, case.rate_hz, ())
    if case.original is None:
        assert len(samples) == SECONDS * case.rate_hz
        return
    assert samples.shape[1] == case.original.shape[1]
    # Encoders add their delay and fill their last frame; WMA loses half of it.
    assert -0.06 * case.rate_hz < len(samples) - len(case.original) < 0.2 * case.rate_hz
    assert likeness(samples[:, 0], case.original[:, 0], most_delay=2500) > case.least_likeness


def test_documentation_lists_exactly_what_is_tested() -> None:
    # When this fails, put what `table()` gives into docs/formats.md.
    assert table() in (ROOT / "docs" / "formats.md").read_text("utf-8")


def test_every_encoding_that_may_be_declared_is_among_the_cases() -> None:
    assert {case.declared.encoding for case in CASES if case.declared} == set(ENCODINGS)


def test_every_container_that_is_recognised_is_among_the_cases(tmp_path: Path) -> None:

    one_each = {case.container: case for case in CASES if case.declared is None}
    found = {identify(case.make(tmp_path / "made")[:HEAD_BYTES]) for case in one_each.values()}
    assert found == set(Container) - {Container.RAW, Container.G722, Container.G729}


def test_documentation_names_every_warning_of_the_decoders() -> None:
    page = (ROOT / "docs" / "formats.md").read_text("utf-8")
    sources = [path.read_text("utf-8") for path in (ROOT / "pipeline" / "audio").glob("*.py")]
    tokens = {token for source in sources for token in re.findall(r'warn(?:ings)? ?(?:=|\() ?\(?"(\w+)"', source)}
    tokens |= {token for source in sources for token in re.findall(r'_warn\("(\w+)"\)', source)}
    assert tokens >= {"truncated", "damaged", "gaps_filled", "partial_frame"}
    assert [token for token in sorted(tokens) if f"`{token}`" not in page] == []
