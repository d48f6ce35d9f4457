"""`python -m training.punctuation.distil TEXT --teacher CHECKPOINT --out FOLDER`: a small tagger of a large one.

It begins with the large one's most telling units, and learns from what is right and from what the large one says. The
vectors of words stay as they are. One core; a checkpoint after each tenth of the time, as `train` writes them.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from training.punctuation.corpus import Lexicon, read_corpora
from training.punctuation.network import LARGE, SMALL, WIDTH, Network, Vectors
from training.punctuation.scores import windows_of_turns
from training.punctuation.train import SEED, Trainer, train

_GATES = 4
_SAMPLE = 64
_DIRECTIONS = ("", "_reverse")


def begin_small(small: Network, large: Network, heard: tuple[Tensor, Tensor]) -> None:
    """Give `small` the units of `large` that say the most; `heard` is what all of them say of some words."""
    kept = [_telling(large.first, heard[0], large.second, small.first.hidden_size)]
    kept.append(_telling(large.second, heard[1], large.leave, small.second.hidden_size))
    with torch.no_grad():
        small.pauses.weight.copy_(large.pauses.weight)
        _copy(small.first, large.first, torch.arange(WIDTH), kept[0])
        _copy(small.second, large.second, _columns(kept[0], large.first), kept[1])
        small.leave.weight.copy_(large.leave.weight[:, _columns(kept[1], large.second)])
        small.leave.bias.copy_(large.leave.bias)


def _telling(layer: nn.LSTM, heard: Tensor, reader: nn.Module, count: int) -> list[Tensor]:
    """The indices of the `count` units of each direction that say the most, times how much it is listened to."""
    size = layer.hidden_size
    weights = [each for name, each in reader.named_parameters() if each.ndim == 2 and "hh" not in name]
    listened = torch.stack([each.pow(2).sum(0) for each in weights]).sum(0).sqrt()
    loud = heard.flatten(0, 1).std(0) * listened
    return [part.topk(count).indices.sort().values for part in torch.split(loud, size)]


def _columns(kept: list[Tensor], layer: nn.LSTM) -> Tensor:
    return torch.cat([indices + at * layer.hidden_size for at, indices in enumerate(kept)])


def _copy(small: nn.LSTM, large: nn.LSTM, columns: Tensor, kept: list[Tensor]) -> None:
    for direction, units in zip(_DIRECTIONS, kept, strict=True):
        rows = torch.cat([units + gate * large.hidden_size for gate in range(_GATES)])
        for name, across in (("weight_ih", columns), ("weight_hh", units)):
            key = f"{name}_l0{direction}"
            getattr(small, key).copy_(getattr(large, key)[rows][:, across])
        for name in ("bias_ih", "bias_hh"):
            key = f"{name}_l0{direction}"
            getattr(small, key).copy_(getattr(large, key)[rows])


def main() -> None:
    """Reads, trains, writes."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("text", type=Path)
    arguments.add_argument("--teacher", type=Path, required=True)
    arguments.add_argument("--out", type=Path, required=True)
    arguments.add_argument("--minutes", type=float, default=14.0, help="of processor time")
    chosen = arguments.parse_args()
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    lexicon = Lexicon()
    corpora = read_corpora(chosen.text, lexicon)
    state = torch.load(chosen.teacher, weights_only=True)
    row = {word: index for index, word in enumerate(state["known"])}
    known_of_type = torch.tensor([row.get(word, 0) for word in lexicon.types])
    words = Vectors(len(row), torch.from_numpy(lexicon.piece_rows())).eval()
    words.load_state_dict(state["words"])
    teacher, network = Network(LARGE).eval(), Network(SMALL)
    teacher.load_state_dict(state["tagger"])
    fillers, began_s = lexicon.fillers(), time.process_time()
    trainer = Trainer(words, network, state["known"], known_of_type, fillers, chosen.minutes * 60, began_s, teacher)
    types, labels = windows_of_turns(corpora[0])
    pauses = torch.from_numpy(trainer.pauses(types, labels, np.random.default_rng(SEED))[-_SAMPLE:])
    with torch.no_grad():
        rows = torch.from_numpy(types[-_SAMPLE:])
        begin_small(network, teacher, teacher.read(words(rows, known_of_type[rows]), pauses))
    chosen.out.mkdir(parents=True, exist_ok=True)
    train(trainer, corpora, chosen.out / "checkpoint.pt")
    trainer.save(chosen.out / "checkpoint.pt")


if __name__ == "__main__":
    main()
