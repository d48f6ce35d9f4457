"""Tiny models of random weights, in the folders that `transformers` itself writes."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import (
    ParakeetCTCConfig,
    ParakeetFeatureExtractor,
    ParakeetForCTC,
    Wav2Vec2Config,
    Wav2Vec2FeatureExtractor,
    Wav2Vec2ForCTC,
)

from pipeline.values import Span, SpeechSegment

LETTERS = ["<pad>", "<s>", "</s>", "<unk>", "|", *"ETAOINSHRDLU"]
PIECES = ["<unk>", "▁the", "▁a", "t", "s", "▁call"]


@pytest.fixture(scope="session", autouse=True)
def _few_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def wav2vec2_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Wav2vec 2.0 as `base` is built: group normalisation, no attention mask."""
    return _save_wav2vec2(tmp_path_factory.mktemp("wav2vec2-base"), norm="group")


@pytest.fixture(scope="session")
def wav2vec2_large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Wav2vec 2.0 as `large` is built: layer normalisation, attention mask."""
    return _save_wav2vec2(tmp_path_factory.mktemp("wav2vec2-large"), norm="layer")


@pytest.fixture(scope="session")
def parakeet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Parakeet-CTC: FastConformer with 8-fold subsampling, blank as the last label."""
    folder = tmp_path_factory.mktemp("parakeet")
    torch.manual_seed(1)
    encoder = {
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 64,
        "subsampling_conv_channels": 16,
    }
    config = ParakeetCTCConfig(vocab_size=len(PIECES) + 1, pad_token_id=len(PIECES), encoder_config=encoder)
    ParakeetForCTC(config).save_pretrained(folder)
    ParakeetFeatureExtractor().save_pretrained(folder)
    blank = {"id": len(PIECES), "content": "<pad>", "special": True}
    vocab = {piece: index for index, piece in enumerate(PIECES)}
    (folder / "tokenizer.json").write_text(json.dumps({"model": {"vocab": vocab}, "added_tokens": [blank]}))
    (folder / "tokenizer_config.json").write_text(json.dumps({"unk_token": "<unk>", "pad_token": "<pad>"}))
    return folder


def _save_wav2vec2(folder: Path, norm: str) -> Path:
    torch.manual_seed(2)
    config = Wav2Vec2Config(
        vocab_size=len(LETTERS),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        conv_dim=(16,) * 7,
        num_conv_pos_embeddings=16,
        num_conv_pos_embedding_groups=2,
        feat_extract_norm=norm,
        do_stable_layer_norm=norm == "layer",
        pad_token_id=0,
    )
    Wav2Vec2ForCTC(config).save_pretrained(folder)
    Wav2Vec2FeatureExtractor(return_attention_mask=norm == "layer").save_pretrained(folder)
    (folder / "vocab.json").write_text(json.dumps({letter: index for index, letter in enumerate(LETTERS)}))
    names = {"unk_token": "<unk>", "pad_token": "<pad>", "bos_token": "<s>", "eos_token": "</s>"}
    (folder / "tokenizer_config.json").write_text(json.dumps(names | {"word_delimiter_token": "|"}))
    return folder


def noise(duration_s: float, seed: int = 0) -> SpeechSegment:
    """Noise that rises and falls as syllables do, four times a second."""
    time_s = np.arange(round(duration_s * 16_000)) / 16_000
    loudness = 0.2 * (1 + np.sin(2 * np.pi * 4 * time_s))
    samples = np.random.default_rng(seed).standard_normal(len(time_s)) * loudness
    full_scale = np.clip(samples * 8_192, -32_768, 32_767).astype(np.int16)
    return SpeechSegment(Span(0, 0.0, duration_s), full_scale)
