"""`python -m training.punctuation.train TEXT --out FOLDER`: trains the tagger on one core.

TEXT is the folder of the corpora. A checkpoint is written after each tenth of the time, with what was held out scored.
"""

import argparse
import json
import math
import random
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pipeline.format.punctuation.features import NOTHING
from training.punctuation.corpus import Corpus, Lexicon, read_corpora, windows_of_a_pass
from training.punctuation.network import LARGE, WIDTH, Network, Vectors
from training.punctuation.pauses import simulated
from training.punctuation.scores import micro_f1, windows_of_turns
from training.punctuation.text import UNKNOWN
from training.punctuation.vectors import whisper_vectors

BATCH = 48
PEAK_RATE = 2e-3
WORD_DROPOUT = 0.08
SEED = 20261122
_HAS_BFLOAT16 = bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())  # noqa: SLF001  (public is only whether it is built)


@dataclass(slots=True)
class Trainer:
    """The parts of the model, what they read, and how much processor time they may take."""

    words: Vectors
    network: Network
    known: list[str]
    known_of_type: Tensor
    fillers: NDArray[np.bool_]
    budget_s: float
    began_s: float
    teacher: Network | None = None
    """A network whose scores are worth as much as the labels, and from whose vectors the words are read."""

    def progress(self) -> float:
        """How much of the time has passed, 0 to 1."""
        return min(1.0, (time.process_time() - self.began_s) / self.budget_s)

    def scores(self, types: NDArray[np.int64], pauses: NDArray[np.int64]) -> Tensor:
        """Scores (windows, words, labels) of words that are all known as they are."""
        return self._scores(self.network, self._vectors(types), pauses)

    def loss(self, types: NDArray[np.int64], pauses: NDArray[np.int64], labels: NDArray[np.int64]) -> Tensor:
        """What is to become less; some of the words are treated as never seen."""
        vectors = self._vectors(types, drop=WORD_DROPOUT)
        scores = self._scores(self.network, vectors, pauses).flatten(0, 1)
        loss = nn.functional.cross_entropy(scores, torch.from_numpy(labels).flatten())
        if self.teacher is None:
            return loss
        with torch.no_grad():
            taught = self._scores(self.teacher, vectors, pauses).flatten(0, 1).softmax(dim=-1)
        return loss / 2 + nn.functional.cross_entropy(scores, taught) / 2

    def parameters(self) -> list[nn.Parameter]:
        """What is trained: with a teacher the network alone."""
        return [*([] if self.teacher else self.words.parameters()), *self.network.parameters()]

    def _vectors(self, types: NDArray[np.int64], drop: float = 0.0) -> Tensor:
        rows = torch.from_numpy(types)
        known = self.known_of_type[rows]
        if drop:
            known = known * (torch.rand(known.shape) >= drop)
        with torch.set_grad_enabled(self.teacher is None and torch.is_grad_enabled()):
            vectors: Tensor = self.words(rows, known)
        return vectors

    def _scores(self, network: Network, vectors: Tensor, pauses: NDArray[np.int64]) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16, enabled=_HAS_BFLOAT16):
            out: Tensor = network(vectors, torch.from_numpy(pauses))
        return out.float()

    def pauses(
        self, types: NDArray[np.int64], labels: NDArray[np.int64], chance: np.random.Generator, hidden: float = 0.25
    ) -> NDArray[np.int64]:
        """Pause indices of windows; where there is no word there is none."""
        ends = np.zeros(types.shape, bool)
        ends[:, :-1] = types[:, 1:] == 0
        found = simulated(np.maximum(labels, 0) // 3, self.fillers[types], ends, chance, hidden)
        found[types == 0] = NOTHING
        return found

    def save(self, path: Path) -> None:
        """Write a checkpoint of both parts."""
        state = {"words": self.words.state_dict(), "tagger": self.network.state_dict(), "known": self.known}
        torch.save(state, path.with_suffix(".tmp"))
        path.with_suffix(".tmp").rename(path)


def rate_at(progress: float, peak: float = PEAK_RATE) -> float:
    """The learning rate: a short rise, then half a cosine."""
    rise = min(1.0, progress / 0.03)
    return peak * rise * (0.5 + 0.5 * math.cos(math.pi * progress)) + 1e-6


def train(trainer: Trainer, corpora: list[Corpus], checkpoint: Path) -> None:
    """Passes over the corpora until the time is over."""
    parameters = trainer.parameters()
    optimizer = torch.optim.AdamW(parameters, lr=PEAK_RATE, weight_decay=0.01, betas=(0.9, 0.98))
    chance, draw = random.Random(SEED), np.random.default_rng(SEED)
    next_check = 0.1
    while trainer.progress() < 1:
        all_types, all_labels = windows_of_a_pass(corpora, chance)
        for start in range(0, len(all_types) - BATCH, BATCH):
            types, labels = all_types[start : start + BATCH], all_labels[start : start + BATCH]
            for group in optimizer.param_groups:
                group["lr"] = rate_at(trainer.progress())
            loss = trainer.loss(types, trainer.pauses(types, labels, draw), labels)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(parameters, 1.0)
            optimizer.step()
            if trainer.progress() >= next_check:
                next_check += 0.1
                trainer.save(checkpoint)
                print(json.dumps(evaluate(trainer, corpora)), flush=True)
            if trainer.progress() >= 1:
                break


@torch.no_grad()
def evaluate(trainer: Trainer, corpora: list[Corpus]) -> dict[str, dict[str, float]]:
    """Micro F1 of the marks on what was held out of each corpus, with and without pauses; and of capitals."""
    trainer.words.eval()
    trainer.network.eval()
    found = {}
    for corpus in corpora:
        types, labels = windows_of_turns(corpus)
        told = labels != UNKNOWN
        figures = {}
        for name, hidden in (("with", 0.0), ("without", 1.0)):
            pauses = trainer.pauses(types, labels, np.random.default_rng(SEED), hidden)
            guess = np.zeros_like(labels)
            for at in range(0, len(types), 64):
                # Turns lie together by their length, so that little is read of what fills them up.
                part = (slice(at, at + 64), slice(2 + int(np.flatnonzero(types[at : at + 64].any(axis=0))[-1])))
                guess[part] = trainer.scores(types[part], pauses[part]).argmax(-1).numpy()
            figures[name] = micro_f1(labels[told] // 3, guess[told] // 3)
            figures[f"case {name}"] = micro_f1(labels[told] % 3, guess[told] % 3)
        found[corpus.name] = figures
    trainer.words.train(trainer.teacher is None)
    trainer.network.train()
    return found


def main() -> None:
    """Reads, trains, writes."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("text", type=Path)
    arguments.add_argument("--out", type=Path, required=True)
    arguments.add_argument("--minutes", type=float, default=45.0, help="of processor time")
    arguments.add_argument("--whisper", type=Path, required=True, help="folder of Whisper tiny.en for CTranslate2")
    chosen = arguments.parse_args()
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    lexicon = Lexicon()
    corpora = read_corpora(chosen.text, lexicon)
    known = lexicon.known()
    row = {word: index for index, word in enumerate(known)}
    known_of_type = torch.tensor([row.get(word, 0) for word in lexicon.types])
    words = Vectors(len(known), torch.from_numpy(lexicon.piece_rows()))
    words.begin_with(torch.from_numpy(whisper_vectors(chosen.whisper, known[1:], WIDTH)))
    network = Network(LARGE, between=0.25, after=0.3)
    fillers, began_s = lexicon.fillers(), time.process_time()
    trainer = Trainer(words, network, known, known_of_type, fillers, chosen.minutes * 60, began_s)
    chosen.out.mkdir(parents=True, exist_ok=True)
    train(trainer, corpora, chosen.out / "checkpoint.pt")
    trainer.save(chosen.out / "checkpoint.pt")


if __name__ == "__main__":
    main()
