"""What is read of a model folder, from folders as the converters and `transformers` write them."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import ModelMismatch, ModelNotFound
from pipeline.spec import (
    AttentionVocabulary,
    CtcVocabulary,
    NemoLogMel,
    RawWaveform,
    WhisperLogMel,
    check_weights,
    read_spec,
    weights_sha256,
)

DEFAULT_SHA256 = "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a"
SPECIALS = ["<|endoftext|>", "<|startoftranscript|>", "<|en|>", "<|de|>", "<|translate|>", "<|transcribe|>"]
MORE_SPECIALS = ["<|startoflm|>", "<|startofprev|>", "<|nospeech|>", "<|notimestamps|>"]
LETTERS = {"<pad>": 0, "<s>": 1, "</s>": 2, "<unk>": 3, "|": 4, "a": 5, "b": 6}


def _write(folder: Path, files: dict[str, Any]) -> Path:
    for name, content in files.items():
        (folder / name).write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return folder


def _multilingual(folder: Path, size: int) -> Path:
    plain = [f"token{index}" for index in range(size - len(SPECIALS) - len(MORE_SPECIALS))]
    tokens = [*plain, *SPECIALS, *MORE_SPECIALS]
    return _write(folder, {"model.bin": "", "config.json": {}, "vocabulary.json": tokens})


def _wav2vec2(folder: Path, **model: Any) -> Path:
    return _write(
        folder,
        {
            "model.safetensors": "",
            "config.json": {"vocab_size": 7, "pad_token_id": 0, "conv_stride": [5, 2, 2, 2, 2, 2, 2], **model},
            "preprocessor_config.json": {"feature_extractor_type": "Wav2Vec2FeatureExtractor", "do_normalize": True},
            "vocab.json": LETTERS,
            "tokenizer_config.json": {"unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>"},
        },
    )


def test_the_default_model_is_english_whisper_with_80_bands(default_folder: Path) -> None:
    spec = read_spec(default_folder, name="whisper-tiny.en")
    assert (spec.name, spec.family, spec.language) == ("whisper-tiny.en", "attention", "en")
    assert spec.front_end == WhisperLogMel(bands=80)
    assert spec.frame_s == pytest.approx(0.02)


def test_the_ids_of_the_default_model_are_those_of_its_tokenizer(default_folder: Path) -> None:
    vocabulary = read_spec(default_folder).vocabulary
    assert isinstance(vocabulary, AttentionVocabulary)
    added = json.loads((default_folder / "tokenizer.json").read_text(encoding="utf-8"))["added_tokens"]
    ids = {token["content"]: token["id"] for token in added}
    assert vocabulary.prompt == (ids["<|startoftranscript|>"],)
    assert (vocabulary.end, vocabulary.no_timestamps) == (ids["<|endoftext|>"], ids["<|notimestamps|>"])
    assert {ids["<|nocaptions|>"], ids["<|startofprev|>"], ids["<|translate|>"]} <= set(vocabulary.suppressed)
    assert vocabulary.tokens[vocabulary.no_timestamps + 1] == "<|0.00|>"


def test_the_default_weights_have_the_published_sha256(default_folder: Path) -> None:
    check_weights(default_folder, DEFAULT_SHA256.upper())


def test_other_weights_than_expected_are_a_mismatch(tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(b"weights")
    with pytest.raises(ModelMismatch, match=hashlib.sha256(b"weights").hexdigest()):
        check_weights(tmp_path, DEFAULT_SHA256)


def test_weights_in_several_files_are_hashed_in_order_of_name(tmp_path: Path) -> None:
    (tmp_path / "model-00002-of-00002.safetensors").write_bytes(b"second")
    (tmp_path / "model-00001-of-00002.safetensors").write_bytes(b"first")
    assert weights_sha256(tmp_path) == hashlib.sha256(b"firstsecond").hexdigest()


@pytest.mark.parametrize(("size", "bands"), [(51_865, 80), (51_866, 128)])
def test_a_multilingual_model_is_told_language_and_task(tmp_path: Path, size: int, bands: int) -> None:
    spec = read_spec(_multilingual(tmp_path, size), language="de")
    assert isinstance(spec.vocabulary, AttentionVocabulary)
    prompt = [spec.vocabulary.tokens[token] for token in spec.vocabulary.prompt]
    assert prompt == ["<|startoftranscript|>", "<|de|>", "<|transcribe|>"]
    assert spec.front_end == WhisperLogMel(bands)


def test_a_language_that_the_model_does_not_know_is_a_mismatch(default_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelMismatch, match="English only"):
        read_spec(default_folder, language="de")
    with pytest.raises(ModelMismatch, match="xx"):
        read_spec(_multilingual(tmp_path, 51_865), language="xx")


def test_wav2vec2_reads_the_waveform_and_writes_characters(tmp_path: Path) -> None:
    spec = read_spec(_wav2vec2(tmp_path), name="w2v")
    assert (spec.family, spec.front_end, spec.frame_s) == ("ctc", RawWaveform(normalise=True), 0.02)
    vocabulary = CtcVocabulary(tuple(LETTERS), blank=0, specials=frozenset({0, 1, 2, 3}), word_delimiter="|")
    assert spec.vocabulary == vocabulary


@pytest.mark.parametrize(("norm", "pads_freely"), [("group", False), ("layer", True), (None, False)])
def test_padding_is_harmless_only_with_layer_normalisation(tmp_path: Path, norm: str | None, pads_freely: bool) -> None:
    assert read_spec(_wav2vec2(tmp_path, feat_extract_norm=norm)).pads_freely is pads_freely


def test_an_output_that_no_token_names_writes_nothing(tmp_path: Path) -> None:
    vocabulary = read_spec(_wav2vec2(tmp_path, vocab_size=8)).vocabulary
    assert isinstance(vocabulary, CtcVocabulary)
    assert len(vocabulary.tokens) == 8
    assert 7 in vocabulary.specials


def test_parakeet_reads_log_mel_and_writes_pieces(tmp_path: Path) -> None:
    extractor = {"feature_extractor_type": "ParakeetFeatureExtractor", "feature_size": 128, "preemphasis": 0.9}
    pieces = [["<unk>", 0.0], ["▁call", -1.0], ["s", -2.0]]
    _write(
        tmp_path,
        {
            "model.safetensors": "",
            "config.json": {"vocab_size": 4, "pad_token_id": 3, "encoder_config": {"subsampling_factor": 8}},
            "processor_config.json": {"feature_extractor": extractor},
            "tokenizer.json": {"model": {"vocab": pieces}, "added_tokens": [{"content": "<pad>", "id": 3}]},
            "tokenizer_config.json": {"unk_token": "<unk>"},
        },
    )
    spec = read_spec(tmp_path)
    assert spec.front_end == NemoLogMel(bands=128, pre_emphasis=0.9)
    assert spec.vocabulary == CtcVocabulary(("<unk>", "▁call", "s", "<pad>"), 3, frozenset({0, 3}), "▁")
    assert spec.frame_s == pytest.approx(0.08)


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ({"config.json": {"vocab_size": 7}}, "pad_token_id None"),
        ({"config.json": {"vocab_size": 1 << 30, "pad_token_id": 0}}, "vocab_size 1.07374e.09 is not between"),
        ({"config.json": {"vocab_size": -1, "pad_token_id": 0}}, "vocab_size -1 is not between"),
        ({"config.json": "{"}, "is not JSON"),
        ({"config.json": "[]"}, "no JSON object"),
        ({"preprocessor_config.json": {"feature_extractor_type": "SeamlessM4TFeatureExtractor"}}, "SeamlessM4T"),
        ({"preprocessor_config.json": {"sampling_rate": 8_000}}, "8000 Hz"),
        ({"vocab.json": {"eng": {"a": 1}}}, "several languages"),
    ],
)
def test_a_model_that_is_not_supported_is_a_mismatch_with_its_reason(
    tmp_path: Path, broken: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ModelMismatch, match=reason):
        read_spec(_write(_wav2vec2(tmp_path), broken))


@pytest.mark.parametrize("files", [{}, {"config.json": {}}, {"model.safetensors": ""}, {"model.bin": ""}])
def test_a_folder_without_the_files_of_a_model_is_not_found(tmp_path: Path, files: dict[str, Any]) -> None:
    with pytest.raises(ModelNotFound):
        read_spec(_write(tmp_path, files))


def test_no_folder_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound, match="nowhere"):
        read_spec(tmp_path / "nowhere")


def test_reading_a_spec_loads_no_model_library() -> None:
    program = "import pipeline.spec, sys; print({'torch', 'transformers', 'ctranslate2'} & set(sys.modules))"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "set()"
