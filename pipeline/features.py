"""Speech to what the acoustic model was trained on: the second step.

Each front end computes in float32 and is equal to the reference extractor of `transformers` to 1e-3; a
`FeatureSegment` holds the result rounded to float16. Only frames that hear the segment are kept: what fills
Whisper's window after them is added where the model is run.
"""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy import fft
from scipy.sparse import csr_array

from pipeline.spec import FrontEnd, ModelSpec, NemoLogMel, RawWaveform, WhisperLogMel
from pipeline.values import SAMPLE_RATE_HZ, FeatureSegment, SpeechSegment, Stream

Samples = NDArray[np.float32]
Frames = NDArray[np.float32]

_MEL_FILTERS = Path(__file__).with_name("mel_filters.npz")
_INT16_FULL_SCALE = 32_768
_BLOCK_FRAMES = 256
# Constants of the reference extractors, which the models were trained with.
_WHISPER_POWER_FLOOR = 1e-10
_WHISPER_DYNAMIC_RANGE = 8.0
_NEMO_LOG_GUARD = 2.0**-24
_NEMO_STD_GUARD = 1e-5
_WAVEFORM_VARIANCE_GUARD = 1e-7


def extract(speech: Stream[SpeechSegment], spec: ModelSpec) -> Stream[FeatureSegment]:
    """The features of each segment of `speech`, made while they are read."""
    front_end = front_end_of(spec.front_end)
    return Stream(
        speech.recording,
        (
            FeatureSegment(segment.span, front_end(to_float(segment.samples)).astype(np.float16))
            for segment in speech.segments
        ),
    )


def front_end_of(parameters: FrontEnd) -> Callable[[Samples], Frames]:
    """The function from 16 kHz samples (-1 to 1) to float32 features: (frames, bands), or (samples,) of a waveform."""
    match parameters:
        case WhisperLogMel():
            return lambda samples: whisper_log_mel(samples, parameters)
        case NemoLogMel():
            return lambda samples: nemo_log_mel(samples, parameters)
        case RawWaveform():
            return lambda samples: raw_waveform(samples, parameters)


def to_float(samples: NDArray[np.int16]) -> Samples:
    """Full-scale int16 to float32 from -1 to below 1."""
    return samples.astype(np.float32) / np.float32(_INT16_FULL_SCALE)


def whisper_log_mel(samples: Samples, parameters: WhisperLogMel) -> Frames:
    """Log-mel of at most one window, as of the same samples followed by zeros to the end of the window.

    Shape (frames that hear a sample, bands); the frames after them would all be `max(-1.5, frames.max() - 2)`.

    Raises:
        ValueError: longer than the window, so that its end would be lost.
    """
    window = parameters.window_frames * parameters.hop_length
    if len(samples) > window:
        raise ValueError(f"{len(samples)} samples do not fit Whisper's window of {window}")
    half = parameters.n_fft // 2
    count = min(-(-(len(samples) + half) // parameters.hop_length), parameters.window_frames)
    # One more than half a frame of zeros, for the reflection at the start of a very short segment.
    in_window = np.pad(samples, (0, min(window - len(samples), parameters.n_fft)))
    padded = np.concatenate((in_window[half:0:-1], in_window, in_window[-2 : -half - 2 : -1]))
    frames = _framed(padded, parameters.n_fft, parameters.hop_length)[:count]
    mel = _mel(frames, _hann(parameters.n_fft, periodic=True), _mel_filters(parameters.n_fft, parameters.bands))
    # In place: fresh memory costs as much as the arithmetic.
    log_mel: Frames = np.log10(np.maximum(mel, _WHISPER_POWER_FLOOR, out=mel), out=mel)
    np.maximum(log_mel, log_mel.max() - _WHISPER_DYNAMIC_RANGE, out=log_mel)
    log_mel += 4.0
    log_mel /= 4.0
    return log_mel


def nemo_log_mel(samples: Samples, parameters: NemoLogMel) -> Frames:
    """Log-mel with every band at zero mean and unit variance over the segment, shape (samples // hop, bands)."""
    count = len(samples) // parameters.hop_length
    if count == 0:
        return np.zeros((0, parameters.bands), np.float32)
    emphasised = samples.copy()
    emphasised[1:] -= np.float32(parameters.pre_emphasis) * samples[:-1]
    padded = np.pad(emphasised, parameters.n_fft // 2)
    frames = _framed(padded, parameters.n_fft, parameters.hop_length)[:count]
    # The window is shorter than the transform and lies in the middle of it, as in torch.stft.
    margin = parameters.n_fft - parameters.window_length
    window = np.pad(_hann(parameters.window_length, periodic=False), (margin // 2, margin - margin // 2))
    mel = _mel(frames, window, _mel_filters(parameters.n_fft, parameters.bands))
    log_mel = np.log(mel + np.float32(_NEMO_LOG_GUARD))
    centred = log_mel - log_mel.mean(axis=0)
    deviation = np.sqrt((centred**2).sum(axis=0) / max(count - 1, 1))
    return np.asarray(centred / (deviation + _NEMO_STD_GUARD), dtype=np.float32)


def raw_waveform(samples: Samples, parameters: RawWaveform) -> Frames:
    """The samples, at zero mean and unit variance if so trained, shape (samples,)."""
    if not parameters.normalise or not len(samples):
        return samples
    normalised: Frames = (samples - samples.mean()) / np.sqrt(samples.var() + np.float32(_WAVEFORM_VARIANCE_GUARD))
    return normalised


def _framed(samples: Samples, length: int, hop_length: int) -> Frames:
    """Overlapping frames of `samples` as a view, shape (frames, length)."""
    return sliding_window_view(samples, length)[::hop_length]


def _mel(frames: Frames, window: Samples, filters: csr_array) -> Frames:
    """Energy of each windowed frame in each band, shape (frames, bands)."""
    mel = np.empty((len(frames), filters.shape[0]), np.float32)
    # In blocks that stay in the cache: for whole segments half the time goes into fresh memory.
    for start in range(0, len(frames), _BLOCK_FRAMES):
        block = slice(start, start + _BLOCK_FRAMES)
        # Sparse, since BLAS rounds by how many threads it has, and a transcript should not depend on that.
        # scipy's transform stays in float32: real and imaginary part of each bin by turns.
        parts = fft.rfft(frames[block] * window, axis=1).view(np.float32)
        mel[block] = (filters @ np.square(parts, out=parts).T).T
    return mel


@cache
def _hann(length: int, *, periodic: bool) -> Samples:
    window = np.hanning(length + 1)[:-1] if periodic else np.hanning(length)
    return window.astype(np.float32)


@cache
def _mel_filters(n_fft: int, bands: int) -> csr_array:
    """Slaney's mel filter bank for squared real and imaginary parts, shape (bands, 2 x bins)."""
    name = filters_name(n_fft, bands)
    with np.load(_MEL_FILTERS, allow_pickle=False) as made:
        filters = made[name] if name in made else filters_by_librosa(n_fft, bands)
    return csr_array(filters.repeat(2, axis=1))


def filters_name(n_fft: int, bands: int) -> str:
    """Under which the filter bank lies in the file of those that were made before."""
    return f"{bands} bands of {n_fft}"


def filters_by_librosa(n_fft: int, bands: int) -> NDArray[np.float32]:
    """Slaney's mel filter bank, shape (bands, bins)."""
    # It brings numba, 130 MB resident: only a process with a model of unusual features pays for it.
    from librosa.filters import mel  # noqa: PLC0415

    made: NDArray[np.float32] = mel(sr=SAMPLE_RATE_HZ, n_fft=n_fft, n_mels=bands)
    return made
