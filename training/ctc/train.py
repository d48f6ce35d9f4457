"""Learn to write letters from what Whisper's encoder hears.

    python -m training.ctc.train SPEECH --out bench/ctc_model.safetensors [--minutes 50]

`SPEECH` is what `training.ctc.speech` wrote. Every tenth file is held out, by which the best epoch is chosen.
"""

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jiwer import wer
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional

from training.ctc.network import LABELS, Head, labels_of, text_of
from training.punctuation.train import rate_at

HELD_OUT_EACH = 10
CHECKED = 300
"""Examples of those held out that are read after each pass."""
PEAK_RATE = 1.5e-3
SEED = 20261129
_FRAMES_A_BATCH = 12_000
_MASK_FRAMES = 20
_MASK_CHANNELS = 48


@dataclass(frozen=True, slots=True)
class Example:
    """float16 encodings (frames, width) and the labels of the text in them."""

    frames: NDArray[np.float16]
    labels: Sequence[int]


def load(paths: Sequence[Path]) -> list[Example]:
    """The examples of all files; a text of more labels than its frames can hold is none."""
    examples = []
    for path in paths:
        with np.load(path) as file:
            parts = np.split(file["frames"], np.cumsum(file["lengths"])[:-1])
            found = [Example(part, labels_of(str(text))) for part, text in zip(parts, file["texts"], strict=True)]
        examples += [each for each in found if 2 * len(each.labels) < len(each.frames)]
    return examples


def batches(examples: Sequence[Example], chance: np.random.Generator) -> Iterator[list[Example]]:
    """Examples of about one length together, in an order of chance."""
    order = sorted(range(len(examples)), key=lambda index: len(examples[index].frames) + chance.uniform(0, 40))
    found: list[list[Example]] = [[]]
    for index in order:
        if found[-1] and len(examples[index].frames) * (len(found[-1]) + 1) > _FRAMES_A_BATCH:
            found.append([])
        found[-1].append(examples[index])
    chance.shuffle(found)  # type: ignore[arg-type]
    yield from found


def padded(batch: Sequence[Example]) -> tuple[Tensor, Tensor]:
    """Frames (batch, longest, width) in float32, and how many are real."""
    frames = [torch.from_numpy(each.frames.astype(np.float32)) for each in batch]
    return nn.utils.rnn.pad_sequence(frames, batch_first=True), torch.tensor([len(each) for each in frames])


def masked(frames: Tensor, chance: np.random.Generator) -> Tensor:
    """Frames of which some stretches and some channels are zero, so that none is relied on (SpecAugment)."""
    for example in frames:
        for _ in range(1 + len(example) // 150):
            start = int(chance.integers(0, len(example)))
            example[start : start + int(chance.integers(1, _MASK_FRAMES))] = 0
        channel = int(chance.integers(0, example.shape[1]))
        example[:, channel : channel + int(chance.integers(1, _MASK_CHANNELS))] = 0
    return frames


def errors(network: Head, examples: Sequence[Example]) -> float:
    """The word error rate of the best path."""
    network.eval()
    with torch.inference_mode():
        said = [text_of(network(padded([each])[0])[0].argmax(-1).tolist()) for each in examples]
    return float(wer(["".join(LABELS[label] for label in each.labels) for each in examples], said))


def train(network: Head, kept: Sequence[Example], progress: Callable[[], float]) -> Iterator[float]:
    """Passes over the examples until `progress` is 1; after each, its mean loss."""
    chance = np.random.default_rng(SEED)
    optimiser = torch.optim.AdamW(network.parameters(), lr=PEAK_RATE, weight_decay=0.02)
    while progress() < 1:
        network.train()
        losses = []
        for batch in batches(kept, chance):
            for group in optimiser.param_groups:
                group["lr"] = rate_at(progress(), PEAK_RATE)
            frames, lengths = padded(batch)
            loss = _loss(network(masked(frames, chance)), lengths, batch)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimiser.step()
            losses.append(loss.item())
            if progress() >= 1:
                break
        yield float(np.mean(losses))


def _loss(log_probs: Tensor, lengths: Tensor, batch: Sequence[Example]) -> Tensor:
    labels = [torch.tensor(each.labels) for each in batch]
    counts = torch.tensor([len(each) for each in labels])
    return functional.ctc_loss(log_probs.transpose(0, 1), torch.cat(labels), lengths, counts, zero_infinity=True)


def main() -> None:
    """Train for so many minutes and keep the best."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("speech", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=50)
    arguments = parser.parse_args()
    torch.manual_seed(SEED)
    paths = sorted(arguments.speech.glob("*.npz"))
    kept = load([path for number, path in enumerate(paths) if number % HELD_OUT_EACH])
    out = load(paths[::HELD_OUT_EACH])[:CHECKED]
    network = Head(kept[0].frames.shape[1])
    began_s, best = time.monotonic(), 1.0

    def progress() -> float:
        return float(min(1.0, (time.monotonic() - began_s) / (60 * arguments.minutes)))

    for loss in train(network, kept, progress):
        rate = errors(network, out)
        print(f"{progress():.0%}: loss {loss:.3f}, word error rate of what was held out {rate:.3f}", flush=True)
        if rate < best:
            best = rate
            save_file({name: each.half() for name, each in network.state_dict().items()}, arguments.out)


if __name__ == "__main__":
    main()
