"""Whisper's encoder in ONNX Runtime beside CTranslate2's, and beside itself with all of the padding computed."""

import struct
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import ctranslate2
import numpy as np
import pytest
import soundfile
import soxr
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import erf

from pipeline.errors import ModelMismatch
from pipeline.features import whisper_log_mel
from pipeline.inference.encoder import FRAMES_A_POSITION, MARGIN_FRAMES, PaddedEncoder, filled
from pipeline.inference.engine import _Own
from pipeline.inference.weights import read_variables
from pipeline.spec import AttentionVocabulary, WhisperLogMel

DEMO_CALL = Path(__file__).parents[4] / "workers" / "demo" / "call.wav"
SPEECH_FRAMES, WINDOW_FRAMES = 466, 3000
BANDS, WIDTH, HEADS, LAYERS, POSITIONS = 5, 128, 2, 3, 20
Array = NDArray[np.float32]


@pytest.fixture(scope="module")
def encoder(default_folder: Path) -> PaddedEncoder:
    return PaddedEncoder(read_variables(default_folder / "model.bin", "encoder/"), 1)


@pytest.fixture(scope="module")
def speech() -> Array:
    """Log-mel frames of the first turn of the demo call."""
    samples, rate_hz = soundfile.read(DEMO_CALL, start=4_800, frames=37_280, dtype="float32")
    frames = whisper_log_mel(soxr.resample(samples[:, 0], rate_hz, 16_000), WhisperLogMel(bands=80))
    return frames.astype(np.float32)[:SPEECH_FRAMES]


def _error(one: Array, other: Array) -> float:
    """Root mean square of the difference, over that of `other`."""
    return float(np.sqrt(np.mean((one - other) ** 2) / np.mean(other**2)))


def test_a_full_window_is_encoded_as_ctranslate2_does_in_floating_point(
    encoder: PaddedEncoder, default_folder: Path, speech: Array
) -> None:
    """No further from it than CTranslate2 itself is in 8 bits."""
    window = np.tile(speech, (7, 1))[:WINDOW_FRAMES]
    exact, in_8_bits = (
        np.asarray(model.encode(ctranslate2.StorageView.from_array(np.ascontiguousarray(window.T[None]))))
        for model in (
            ctranslate2.models.Whisper(str(default_folder), compute_type=kind, intra_threads=1)
            for kind in ("float32", "int8")
        )
    )
    encoded = encoder.encode(window)
    assert encoded.shape == exact.shape
    assert _error(encoded, exact) < 1.2 * _error(in_8_bits, exact)


def test_padding_that_was_computed_before_changes_little_of_what_is_made_of_speech(
    encoder: PaddedEncoder, speech: Array
) -> None:
    ahead = encoder.encode(speech)
    whole = encoder.encode(filled(speech, WINDOW_FRAMES))
    heard = SPEECH_FRAMES // FRAMES_A_POSITION
    assert ahead.shape == (1, (SPEECH_FRAMES + MARGIN_FRAMES) // FRAMES_A_POSITION, 384)
    assert whole.shape == encoder.padding.shape == (1, WINDOW_FRAMES // FRAMES_A_POSITION, 384)
    assert _error(ahead[:, :heard], whole[:, :heard]) < 0.25
    # Of other speech it is as far as of noise.
    assert _error(encoder.encode(speech[::-1])[:, :heard], whole[:, :heard]) > 0.8


@given(st.lists(st.integers(1, WINDOW_FRAMES), min_size=1, max_size=3))
def test_a_recording_is_encoded_alike_whatever_came_before(
    encoder: PaddedEncoder, speech: Array, others: list[int]
) -> None:
    first = encoder.encode(speech)
    for length in others:
        encoder.encode(np.resize(speech, (length, 80)))
    np.testing.assert_array_equal(encoder.encode(speech), first)


OUT_OF_MEMORY = """
import resource, sys
from pathlib import Path
import numpy as np
from pipeline.errors import OutOfMemory
from pipeline.inference.encoder import PaddedEncoder
from pipeline.inference.memory import memory_errors_named
from pipeline.inference.weights import read_variables
encoder = PaddedEncoder(read_variables(Path(sys.argv[1]) / "model.bin", "encoder/"), 1)
encoder._positions = np.zeros((100_000, 384), np.float32)
many = np.zeros((200_000, 80), np.float32)
pages = int(Path("/proc/self/statm").read_text().split()[0])
resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + 100_000_000,) * 2)
try:
    with memory_errors_named():
        encoder.encode(many)
except OutOfMemory:
    print("named")
"""


def test_memory_that_runs_out_is_named_as_that_of_other_libraries(default_folder: Path) -> None:
    command = [sys.executable, "-c", OUT_OF_MEMORY, str(default_folder)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ran.stdout.strip() == "named", ran.stderr


def _weights() -> dict[str, Array]:
    """Of an encoder of another size, by chance."""
    chance = np.random.default_rng(5)

    def drawn(*shape: int) -> Array:
        return np.asarray(chance.standard_normal(shape) / np.sqrt(np.prod(shape[1:])), np.float32)

    sizes = {"self_attention/linear_0": (3 * WIDTH, WIDTH), "self_attention/linear_1": (WIDTH, WIDTH)}
    sizes |= {"ffn/linear_0": (4 * WIDTH, WIDTH), "ffn/linear_1": (WIDTH, 4 * WIDTH)}
    found = {"conv1/weight": drawn(WIDTH, BANDS, 3), "conv2/weight": drawn(WIDTH, WIDTH, 3)}
    found |= {
        "conv1/bias": drawn(WIDTH),
        "conv2/bias": drawn(WIDTH),
        "position_encodings/encodings": drawn(POSITIONS, WIDTH),
    }
    norms = ["layer_norm"]
    for layer in range(LAYERS):
        found |= {f"layer_{layer}/{name}/weight": drawn(*size) for name, size in sizes.items()}
        found |= {f"layer_{layer}/{name}/bias": drawn(size[0]) for name, size in sizes.items()}
        norms += [f"layer_{layer}/{name}/layer_norm" for name in ("self_attention", "ffn")]
    return found | {f"{norm}/{each}": 1 + drawn(WIDTH) / 9 for norm in norms for each in ("gamma", "beta")}


def _reference(weights: Mapping[str, Array], frames: Array) -> Array:
    """The encoder as its paper has it, in numpy."""

    def product(x: Array, name: str) -> Array:
        return np.asarray(x @ weights[f"{name}/weight"].T + weights[f"{name}/bias"])

    def normal(x: Array, name: str) -> Array:
        centred = x - x.mean(-1, keepdims=True)
        return np.asarray(
            centred / np.sqrt(x.var(-1, keepdims=True) + 1e-5) * weights[f"{name}/gamma"] + weights[f"{name}/beta"]
        )

    def gelu(x: Array) -> Array:
        return np.asarray(x * (1 + erf(x / np.sqrt(2))) / 2)

    def convolved(x: Array, name: str, stride: int) -> Array:
        seen = np.lib.stride_tricks.sliding_window_view(np.pad(x, ((1, 1), (0, 0))), 3, axis=0)[::stride]
        return np.asarray(np.einsum("tik,oik->to", seen, weights[f"{name}/weight"]) + weights[f"{name}/bias"])

    x = gelu(convolved(gelu(convolved(frames, "conv1", 1)), "conv2", 2)) + weights["position_encodings/encodings"]
    for layer in range(LAYERS):
        y = product(normal(x, f"layer_{layer}/self_attention/layer_norm"), f"layer_{layer}/self_attention/linear_0")
        query, key, value = y.reshape(len(x), 3, HEADS, WIDTH // HEADS).transpose(1, 2, 0, 3)
        scores = np.exp(query @ key.transpose(0, 2, 1) / np.sqrt(WIDTH // HEADS))
        y = (scores / scores.sum(-1, keepdims=True) @ value).transpose(1, 0, 2).reshape(len(x), WIDTH)
        x = x + product(y, f"layer_{layer}/self_attention/linear_1")
        y = gelu(product(normal(x, f"layer_{layer}/ffn/layer_norm"), f"layer_{layer}/ffn/linear_0"))
        x = x + product(y, f"layer_{layer}/ffn/linear_1")
    return normal(x, "layer_norm")


def test_models_of_other_sizes_are_what_their_weights_say() -> None:
    weights = _weights()
    frames = np.random.default_rng(1).standard_normal((2 * POSITIONS, BANDS)).astype(np.float32)
    encoder = PaddedEncoder({**weights, "num_heads": np.array(HEADS, np.int16)}, 1)
    assert _error(encoder.encode(frames)[0], _reference(weights, frames)) < 0.06


def _file(variables: Mapping[str, tuple[int, NDArray[np.generic]]], version: int = 6) -> bytes:
    """A model in CTranslate2's form, each variable with the number of its type."""

    def parts() -> Iterator[bytes]:
        yield struct.pack("<I", version) + _text("WhisperSpec") + struct.pack("<II", 3, len(variables))
        for name, (kind, value) in variables.items():
            yield _text(name) + struct.pack(f"<B{value.ndim}I", value.ndim, *value.shape)
            yield struct.pack("<BI", kind, value.nbytes) + value.tobytes()
        yield struct.pack("<I", 0)

    return b"".join(parts())


def _text(text: str) -> bytes:
    return struct.pack("<H", len(text) + 1) + text.encode() + b"\0"


def test_variables_are_read_in_every_number_format(tmp_path: Path) -> None:
    half = np.array([[1.5, -2.0]], np.float16)
    brain = (np.array([0.5, -3.0], np.float32).view(np.uint32) >> 16).astype(np.uint16)
    path = tmp_path / "model.bin"
    path.write_bytes(
        _file(
            {
                "decoder/x": (4, half),
                "encoder/a": (4, half),
                "encoder/b": (5, brain),
                "encoder/n": (2, np.array(6, np.int16)),
            }
        )
    )
    found = read_variables(path, "encoder/")
    assert set(found) == {"a", "b", "n"}
    np.testing.assert_array_equal(found["a"], half)
    np.testing.assert_array_equal(found["b"], [0.5, -3.0])
    assert int(found["n"]) == 6


@pytest.mark.parametrize(
    "content", [_file({}, version=7), b"\6\0\0\0\xff\xff", b"\0" * 64, _file({"a": (99, np.zeros(1))})]
)
def test_what_is_laid_out_otherwise_is_left_to_ctranslate2(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.bin").write_bytes(content)
    with pytest.raises(ModelMismatch):
        read_variables(tmp_path / "model.bin", "a")
    assert _Own.load(tmp_path, AttentionVocabulary((), 0, 0, (), 0, ()), 1) is None


def test_weights_that_are_in_8_bits_already_stay_as_they_are() -> None:
    weights = _weights()
    rounded: dict[str, NDArray[np.generic]] = {"num_heads": np.array(HEADS, np.int16)}
    for name, value in weights.items():
        rounded[name] = value
        if "linear" in name and name.endswith("weight"):
            scale = 127 / np.abs(value).max(axis=1)
            rounded |= {name: np.round(value * scale[:, None]).astype(np.int8), f"{name}_scale": scale}
    frames = np.random.default_rng(1).standard_normal((2 * POSITIONS, BANDS)).astype(np.float32)
    encoded = [
        PaddedEncoder(variables, 1).encode(frames) for variables in ({**weights, "num_heads": np.array(HEADS)}, rounded)
    ]
    np.testing.assert_allclose(encoded[0], encoded[1], rtol=1e-3, atol=1e-3)
