"""What benches of inference run on: mixes of segment lengths, and CTC models of random weights, which cost the same."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import ParakeetCTCConfig, ParakeetFeatureExtractor, ParakeetForCTC
from transformers.utils import logging

from pipeline.values import FeatureSegment, Span

BANDS: Final = 80
FRAMES_PER_S: Final = 100
LONGEST_S: Final = 30.0

SIZES: Final[Mapping[str, Mapping[str, int]]] = {
    "parakeet-ctc-0.6b": {"hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 8, "channels": 256},
    "5m": {"hidden_size": 176, "num_hidden_layers": 8, "num_attention_heads": 4, "channels": 64},
    "toy": {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "channels": 16},
}
"""FastConformer encoders; a hidden layer is four times as wide as the model."""


@dataclass(frozen=True, slots=True)
class Mix:
    """Segments of a log-normal length, with its median and its spread in natural logarithms, in jobs of so many."""

    median_s: float
    spread: float
    segments_a_job: int


MIXES: Final[Mapping[str, Mix]] = {
    "utterances": Mix(7.0, 0.8, 20),
    "short prompts": Mix(2.5, 0.5, 2),
    "packed segments": Mix(22.0, 0.4, 40),
}


def lengths_of(mix: Mix, count: int, seed: int) -> NDArray[np.float64]:
    """Seconds of `count` segments, from 0.5 to 30."""
    drawn = np.random.default_rng(seed).lognormal(np.log(mix.median_s), mix.spread, count)
    return np.clip(drawn, 0.5, LONGEST_S)


def features_of(lengths_s: NDArray[np.float64], seed: int) -> list[FeatureSegment]:
    """Noise as log-mel features of segments of these lengths, one after another."""
    chance = np.random.default_rng(seed)
    longest = chance.standard_normal((round(LONGEST_S * FRAMES_PER_S), BANDS)).astype(np.float16)
    starts = np.concatenate([[0.0], np.cumsum(lengths_s)])
    return [
        FeatureSegment(Span(0, float(start), float(start + length)), longest[: round(length * FRAMES_PER_S)])
        for start, length in zip(starts, lengths_s, strict=False)
    ]


def make_model(folder: Path, size: str, labels: int = 1024) -> Path:
    """Write a Parakeet-CTC of random weights and that size into `folder`, as `transformers` would; the folder."""
    shape = dict(SIZES[size])
    channels, hidden = shape.pop("channels"), shape["hidden_size"]
    logging.disable_progress_bar()
    torch.manual_seed(1)
    encoder = {**shape, "intermediate_size": 4 * hidden, "subsampling_conv_channels": channels}
    config = ParakeetCTCConfig(vocab_size=labels + 1, pad_token_id=labels, encoder_config=encoder)
    ParakeetForCTC(config).to(torch.bfloat16).save_pretrained(folder)
    ParakeetFeatureExtractor().save_pretrained(folder)
    vocabulary = {"<unk>": 0, **{f"▁{number}": number for number in range(1, labels)}}
    blank = {"id": labels, "content": "<pad>", "special": True}
    (folder / "tokenizer.json").write_text(json.dumps({"model": {"vocab": vocabulary}, "added_tokens": [blank]}))
    (folder / "tokenizer_config.json").write_text(json.dumps({"unk_token": "<unk>", "pad_token": "<pad>"}))
    return folder
