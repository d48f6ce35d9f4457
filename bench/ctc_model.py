"""A real CTC model for benches of decoding: letters from what Whisper's encoder hears (`training/ctc`).

No CTC model of others comes with a package. This one was learnt from synthesised speech only and is weak on the real
one, which is what language models and hotwords are for.
"""

from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
import soxr
import torch
from safetensors.torch import load_file

from bench.harness import Plan
from bench.recordings import spoken_or_prompts
from bench.speech import TELEPHONE_RATE_HZ, Spoken, join
from pipeline.values import SAMPLE_RATE_HZ, CtcEmissions, Span
from training.ctc.network import Head
from training.ctc.speech import FRAME_S, Encoder
from workers.models import find_model
from workers.settings import read_settings

WEIGHTS: Final = Path(__file__).with_name("ctc_model.safetensors")
UTTERANCES: Final = 300
SEGMENT_S: Final = 12.0
"""Utterances are joined up to here: it was learnt from at most 14 s."""
LONGEST_S: Final = 28.0
"""No longer one fits the encoder's window."""


def segments(plan: Plan) -> list[Spoken]:
    """The plan's speech, or prompts of a telephone exchange (`bench.recordings`), in segments of some seconds."""
    # Digits are written in many ways, so that words could not be counted.
    fitting = [
        each
        for each in spoken_or_prompts(plan, UTTERANCES)
        if len(each.samples) < LONGEST_S * TELEPHONE_RATE_HZ and not any(map(str.isdigit, each.text))
    ]
    return join(fitting[: 30 if plan.quick else UTTERANCES], SEGMENT_S)


class CtcModel:
    """The encoder of a Whisper model, tiny.en if the weights are to fit, and the letters that it heard."""

    def __init__(self, whisper: str) -> None:
        self._whisper = whisper

    def emit(self, spoken: Spoken) -> CtcEmissions:
        """The emissions of one segment, at most 30 s."""
        samples = soxr.resample(spoken.samples, TELEPHONE_RATE_HZ, SAMPLE_RATE_HZ)
        encoded = torch.from_numpy(self._encoder(samples).astype(np.float32))
        with torch.inference_mode():
            log_probs = self._head(encoded[None])[0].numpy()
        return CtcEmissions(Span(0, 0.0, len(samples) / SAMPLE_RATE_HZ), log_probs.astype(np.float16), FRAME_S)

    @cached_property
    def _encoder(self) -> Encoder:
        return Encoder(find_model(read_settings(model=self._whisper)).folder)

    @cached_property
    def _head(self) -> Head:
        weights = {name: weight.float() for name, weight in load_file(WEIGHTS).items()}
        head = Head(weights["norm.weight"].shape[0])
        head.load_state_dict(weights)
        return head.eval()
