"""A recording that can't be used is reported on as far as it could be read, with what to do about it."""

from pathlib import Path

import numpy as np
import pytest

from pipeline.errors import InputError, InvalidOptions
from pipeline.options import PreprocessOptions
from pipeline.preflight import Severity, Unusable
from pipeline.preprocess import examine
from pipeline.preprocess.unusable import _ADVICE
from tests import bad_recordings as bad


def report_on(content: bytes, folder: Path, **options: object) -> Unusable:
    path = folder / "recording"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        examine(path, PreprocessOptions.model_validate(options))
    assert caught.value.report is not None
    assert caught.value.report.findings[0].code == caught.value.code
    return caught.value.report


def test_what_was_decoded_before_the_damage_is_told(tmp_path: Path) -> None:
    samples = bad.noisy_tone(4.0, channels=2)
    samples[-100:] = np.nan
    report = report_on(bad.encode(samples, codec="FLOAT"), tmp_path)
    assert (report.container, report.codec, report.sample_rate_hz, report.channel_count) == (
        "wav",
        "pcm_f32le",
        16_000,
        2,
    )
    assert 0 < report.duration_s <= 4.0
    (why,) = report.findings
    assert (why.code, why.severity, why.channel) == ("NON_FINITE_SAMPLES", Severity.ERROR, None)
    assert why.advice.startswith("The audio holds samples that are not numbers. ")


def test_a_recording_that_is_too_long_is_told_from_its_header(tmp_path: Path) -> None:
    report = report_on(bad.encode(bad.noisy_tone(2.0)), tmp_path, max_duration_s=1.0)
    assert (report.container, report.codec, report.duration_s) == ("wav", None, 0.0)
    assert "(0.0 h, the limit is 0.0 h)" in report.findings[0].advice


@pytest.mark.parametrize(
    ("content", "container"), [(b"", None), (b"This is text. " * 99, None), (b"RIFF\0\0\0\0WAVE", "wav")]
)
def test_what_could_not_be_opened_is_told_by_its_first_bytes(
    content: bytes, container: str | None, tmp_path: Path
) -> None:
    assert report_on(content, tmp_path).container == container


def test_there_is_advice_for_everything_that_can_be_wrong_with_a_recording() -> None:
    assert set(_ADVICE) == set(InputError.__subclasses__()) - {InvalidOptions}
