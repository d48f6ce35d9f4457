"""What a model folder says of its model: read from the folder's own files, without loading a model or torch.

Two kinds of folder are known: a Whisper model converted to CTranslate2 (`model.bin`), and a Hugging Face
`AutoModelForCTC` model (`model.safetensors`). The front ends below are the parameters with which speech becomes what
the model was trained on; `pipeline.features` computes them.
"""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from pipeline.errors import ModelMismatch, ModelNotFound
from pipeline.values import SAMPLE_RATE_HZ

WHISPER_WEIGHTS = "model.bin"
CTC_WEIGHTS = "*.safetensors"
_READ_BYTES = 1 << 20
# CTranslate2 and faster-whisper tell the English-only vocabulary by its size too: conversion keeps no other mark of it.
_MULTILINGUAL_VOCABULARY = 51_865
_LARGE_V3_VOCABULARY = 51_866
# Chinese, Cantonese, Japanese, Thai, Lao, Burmese.
_MOST_LABELS = 1 << 20  # four times the largest vocabulary of any published model; each label is a text in memory
_UNSPACED_LANGUAGES = frozenset({"zh", "yue", "ja", "th", "lo", "my"})


@dataclass(frozen=True, slots=True)
class WhisperLogMel:
    """Log-mel of Whisper: log10, clamped to 8 below the loudest of the window of `window_s`, scaled to about -1..1."""

    bands: int = 80
    n_fft: int = 400
    hop_length: int = 160
    window_s: float = 30.0

    @property
    def window_frames(self) -> int:
        """Frames of the window that the model reads at once."""
        return round(self.window_s * SAMPLE_RATE_HZ) // self.hop_length


@dataclass(frozen=True, slots=True)
class NemoLogMel:
    """Log-mel of NeMo's FastConformer family: pre-emphasis, natural log, each band to zero mean and unit variance."""

    bands: int = 80
    n_fft: int = 512
    window_length: int = 400
    hop_length: int = 160
    pre_emphasis: float = 0.97


@dataclass(frozen=True, slots=True)
class RawWaveform:
    """The waveform itself, for wav2vec 2.0 and its kin; to zero mean and unit variance if `normalise`."""

    normalise: bool = True


FrontEnd = WhisperLogMel | NemoLogMel | RawWaveform


@dataclass(frozen=True, slots=True)
class AttentionVocabulary:
    """Tokens of a Whisper model by id, and the special ones that steer it; timestamps follow `no_timestamps`."""

    tokens: tuple[str, ...]
    end: int
    no_timestamps: int
    prompt: tuple[int, ...]
    """What decoding starts from: start of transcript and, if the model is multilingual, language and task."""
    no_speech: int
    """Its probability at the start of the transcript is that nobody speaks."""
    suppressed: tuple[int, ...]
    """Tokens that no transcript holds: specials, and the model's own list of those that are not speech."""


@dataclass(frozen=True, slots=True)
class CtcVocabulary:
    """Labels of a CTC model by output index; `specials` (the blank is one) write no text."""

    tokens: tuple[str, ...]
    blank: int
    specials: frozenset[int]
    word_delimiter: str
    """`|` between words of characters, or `▁` at the start of words of SentencePiece pieces."""


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """What the steps must know of a model; `frame_s` is the time between two of its emissions."""

    name: str
    language: str
    front_end: FrontEnd
    vocabulary: AttentionVocabulary | CtcVocabulary
    frame_s: float
    pads_freely: bool
    """Whether the model's output for a segment ignores the padding that a longer neighbour in the batch costs it."""

    @property
    def family(self) -> Literal["ctc", "attention"]:
        """How the model writes: a label a frame, or token by token."""
        return "ctc" if isinstance(self.vocabulary, CtcVocabulary) else "attention"

    @property
    def separates_words(self) -> bool:
        """Whether the language is written with spaces between words."""
        return self.language not in _UNSPACED_LANGUAGES


def read_spec(folder: Path, *, name: str | None = None, language: str = "en") -> ModelSpec:
    """The spec of the model in `folder`, called `name` (default: the folder's name), to be used for `language`.

    Raises:
        ModelNotFound: no such folder, or no weights or no configuration in it.
        ModelMismatch: a model of a kind that is not supported, one that does not know `language`, or files of another
            form than known.
    """
    if not folder.is_dir():
        raise ModelNotFound(str(folder))
    is_whisper = weights(folder)[0].name == WHISPER_WEIGHTS
    named = name or folder.resolve().name
    try:
        return _whisper_spec(folder, named, language) if is_whisper else _ctc_spec(folder, named, language)
    # The files are other people's: what stands in a field may be of any type.
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise ModelMismatch(f"the configuration in {folder} has another form: {error!r}") from error


def weights(folder: Path) -> tuple[Path, ...]:
    """The files with the model's weights, in order of name; `ModelNotFound` if there are none."""
    found = sorted(folder.glob(WHISPER_WEIGHTS)) or sorted(folder.glob(CTC_WEIGHTS))
    if not found:
        raise ModelNotFound(f"neither {WHISPER_WEIGHTS} nor {CTC_WEIGHTS} in {folder}")
    return tuple(found)


def weights_sha256(folder: Path) -> str:
    """SHA-256 (hexadecimal) of the weights; of several files, of their bytes one after another."""
    digest = hashlib.sha256()
    for path in weights(folder):
        with path.open("rb") as file:
            for block in iter(partial(file.read, _READ_BYTES), b""):
                digest.update(block)
    return digest.hexdigest()


def check_weights(folder: Path, expected_sha256: str) -> None:
    """Raise `ModelMismatch` unless the weights in `folder` are the expected ones."""
    found = weights_sha256(folder)
    if found != expected_sha256.lower():
        raise ModelMismatch(f"weights in {folder} have SHA-256 {found}, expected {expected_sha256}")


def _read_json(path: Path) -> dict[str, Any]:
    """The JSON object in `path`."""
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ModelNotFound(f"no {path.name} in {path.parent}") from None
    except ValueError as error:
        raise ModelMismatch(f"{path} is not JSON: {error}") from error
    if not isinstance(read, dict):
        raise ModelMismatch(f"{path} holds no JSON object")
    return read


def _read_json_if_any(path: Path) -> dict[str, Any]:
    """The JSON object in `path`, empty if there is no such file."""
    return _read_json(path) if path.exists() else {}


def _extractor_config(folder: Path) -> dict[str, Any]:
    """The feature extractor's configuration; newer processors keep it inside a file of their own."""
    own = _read_json_if_any(folder / "preprocessor_config.json")
    shared = _read_json_if_any(folder / "processor_config.json").get("feature_extractor", {})
    return own or dict(shared)


def _checked_rate(config: Mapping[str, Any]) -> None:
    """Raise `ModelMismatch` for a model of another sample rate than preprocess delivers."""
    rate_hz = config.get("sampling_rate", SAMPLE_RATE_HZ)
    if rate_hz != SAMPLE_RATE_HZ:
        raise ModelMismatch(f"the model wants {rate_hz} Hz, {SAMPLE_RATE_HZ} Hz is supported")


def _whisper_spec(folder: Path, name: str, language: str) -> ModelSpec:
    config = _extractor_config(folder)
    _checked_rate(config)
    tokens = _whisper_tokens(folder)
    bands = int(config.get("feature_size", 128 if len(tokens) >= _LARGE_V3_VOCABULARY else 80))
    front_end = WhisperLogMel(bands)
    vocabulary = _attention_vocabulary(tokens, _read_json(folder / "config.json"), language)
    # The encoder's second convolution halves the frame rate.
    frame_s = 2 * front_end.hop_length / SAMPLE_RATE_HZ
    return ModelSpec(name, language, front_end, vocabulary, frame_s, pads_freely=True)


def _whisper_tokens(folder: Path) -> tuple[str, ...]:
    """The vocabulary by id, from either form in which converters have written it."""
    as_json, as_lines = folder / "vocabulary.json", folder / "vocabulary.txt"
    if as_json.exists():
        return tuple(json.loads(as_json.read_text(encoding="utf-8")))
    if not as_lines.exists():
        raise ModelNotFound(f"neither {as_json.name} nor {as_lines.name} in {folder}")
    return tuple(as_lines.read_text(encoding="utf-8").removesuffix("\n").split("\n"))


def _attention_vocabulary(tokens: tuple[str, ...], model: Mapping[str, Any], language: str) -> AttentionVocabulary:
    ids = {token: index for index, token in enumerate(tokens)}
    not_speech = [int(token) for token in model.get("suppress_ids", ())]
    if any(not 0 <= token < len(tokens) for token in not_speech):
        raise ModelMismatch(f"suppress_ids are not all below {len(tokens)}")
    never_said = ("<|transcribe|>", "<|translate|>", "<|startoftranscript|>", "<|startofprev|>", "<|startoflm|>")
    try:
        start = ids["<|startoftranscript|>"]
        no_speech = ids["<|nospeech|>" if "<|nospeech|>" in ids else "<|nocaptions|>"]
        if len(tokens) >= _MULTILINGUAL_VOCABULARY:
            prompt: tuple[int, ...] = (start, ids[f"<|{language}|>"], ids["<|transcribe|>"])
        elif language == "en":
            prompt = (start,)
        else:
            raise ModelMismatch(f"the model knows English only, not {language!r}")
        return AttentionVocabulary(
            tokens=tokens,
            end=ids["<|endoftext|>"],
            no_timestamps=ids["<|notimestamps|>"],
            prompt=prompt,
            no_speech=no_speech,
            suppressed=tuple(sorted({*not_speech, no_speech, *(ids[token] for token in never_said)})),
        )
    except KeyError as error:
        raise ModelMismatch(f"the model's vocabulary has no token {error}") from error


def _ctc_spec(folder: Path, name: str, language: str) -> ModelSpec:
    model, extractor = _read_json(folder / "config.json"), _extractor_config(folder)
    _checked_rate(extractor)
    front_end, hop_length = _ctc_front_end(model, extractor)
    return ModelSpec(
        name=name,
        language=language,
        front_end=front_end,
        vocabulary=_ctc_vocabulary(folder, model),
        frame_s=hop_length / SAMPLE_RATE_HZ,
        # Group normalisation averages over all samples of a row, padding included; it is wav2vec 2.0's default.
        pads_freely=isinstance(front_end, NemoLogMel) or model.get("feat_extract_norm") == "layer",
    )


def _ctc_front_end(model: Mapping[str, Any], extractor: Mapping[str, Any]) -> tuple[FrontEnd, int]:
    """The front end and the samples between two emissions."""
    match extractor.get("feature_extractor_type"):
        case "Wav2Vec2FeatureExtractor":
            strides = model.get("conv_stride") or (5, 2, 2, 2, 2, 2, 2)
            return RawWaveform(bool(extractor.get("do_normalize", True))), math.prod(strides)
        case "ParakeetFeatureExtractor":
            front_end = NemoLogMel(
                bands=extractor.get("feature_size", 80),
                n_fft=extractor.get("n_fft", 512),
                window_length=extractor.get("win_length", 400),
                hop_length=extractor.get("hop_length", 160),
                pre_emphasis=extractor.get("preemphasis", 0.97),
            )
            encoder = model.get("encoder_config", {})
            return front_end, front_end.hop_length * int(encoder.get("subsampling_factor", 8))
        case other:
            raise ModelMismatch(f"feature extractor {other!r} is not supported")


def _ctc_vocabulary(folder: Path, model: Mapping[str, Any]) -> CtcVocabulary:
    """The labels of the output layer; an index that no file names writes nothing and is listed as special."""
    ids = _token_ids(folder)
    size = int(model.get("vocab_size") or len(ids))
    if not 0 < size <= _MOST_LABELS:
        raise ModelMismatch(f"vocab_size {size:.6g} is not between 1 and {_MOST_LABELS}")
    blank = model.get("pad_token_id")
    if not isinstance(blank, int) or not 0 <= blank < size:
        raise ModelMismatch(f"pad_token_id {blank!r} is not one of {size} labels, so the blank is unknown")
    named = {index: token for token, index in ids.items() if index < size}
    tokens = tuple(named.get(index, f"<unused{index}>") for index in range(size))
    tokenizer = _read_json_if_any(folder / "tokenizer_config.json")
    marked = {_content(tokenizer.get(key)) for key in ("unk_token", "bos_token", "eos_token", "pad_token")}
    specials = {index for index, token in enumerate(tokens) if token in marked or index not in named}
    sentence_pieces = any(token.startswith("▁") for token in tokens)
    delimiter = "▁" if sentence_pieces else str(tokenizer.get("word_delimiter_token") or "|")
    return CtcVocabulary(tokens, blank, frozenset(specials | {blank}), delimiter)


def _content(token: Any) -> Any:
    """The text of a token, which `transformers` writes by itself or among its properties."""
    return token.get("content") if isinstance(token, dict) else token


def _token_ids(folder: Path) -> dict[str, int]:
    """Token to id, from the tokenizer's own file: `vocab.json` (characters) or `tokenizer.json` (pieces)."""
    if (folder / "vocab.json").exists():
        vocab = _read_json(folder / "vocab.json")
        return {**_flat(vocab), **_read_json_if_any(folder / "added_tokens.json")}
    tokenizer = _read_json(folder / "tokenizer.json")
    vocab = tokenizer["model"]["vocab"]
    ids = {entry[0]: index for index, entry in enumerate(vocab)} if isinstance(vocab, list) else dict(vocab)
    return ids | {token["content"]: token["id"] for token in tokenizer.get("added_tokens", ())}


def _flat(vocab: dict[str, Any]) -> dict[str, int]:
    """`vocab` itself; of a vocabulary per language (MMS), that is refused as a mismatch."""
    if any(not isinstance(index, int) for index in vocab.values()):
        raise ModelMismatch("the vocabulary is one of several languages, which is not supported")
    return vocab
