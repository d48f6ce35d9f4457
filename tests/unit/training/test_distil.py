"""What a small network begins with: the units of a large one that say the most."""

import torch

from training.punctuation.distil import begin_small
from training.punctuation.network import LARGE, SMALL, WIDTH, Network


def _without(layer: torch.nn.LSTM, units: torch.Tensor) -> None:
    """Nobody listens any more to these units, of either direction, in their own layer."""
    for name, weights in layer.named_parameters():
        if name.startswith("weight_hh"):
            weights[:, units] = 0


@torch.no_grad()
def test_a_small_network_lacks_the_units_that_nobody_listens_to() -> None:
    torch.manual_seed(1)
    large, small = Network(LARGE).eval(), Network(SMALL).eval()
    for layer, size, kept, reader in (
        (large.first, LARGE[0], SMALL[0], [*large.second.parameters()]),
        (large.second, LARGE[1], SMALL[1], [*large.leave.parameters()]),
    ):
        idle = torch.randperm(size)[kept:]
        _without(layer, idle)
        for weights in reader:
            if weights.shape[-1] == 2 * size:
                weights[..., torch.cat([idle, idle + size])] = 0
    vectors, pauses = torch.randn(3, 20, WIDTH), torch.randint(0, 13, (3, 20))
    begin_small(small, large, large.read(vectors, pauses))
    torch.testing.assert_close(small(vectors, pauses), large(vectors, pauses))
