"""`python -m training.punctuation.export CHECKPOINT --out FOLDER`: the tagger as it is shipped, in 8 bits.

Needs `onnx`, which the project does not install. Prints the hashes that `pipeline/format/punctuation/tagger.py` checks.
"""

import argparse
import hashlib
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from onnxruntime.quantization import QuantType, quantize_dynamic

from training.punctuation.network import SMALL, WIDTH, Network


def export(checkpoint: Path, folder: Path, none_bias: float) -> dict[str, str]:
    """Writes both files of the tagger; their SHA-256 by name. `none_bias` is added to the scores of no mark."""
    state: dict[str, Any] = torch.load(checkpoint, weights_only=True)
    network = Network(SMALL)
    network.load_state_dict(state["tagger"])
    with torch.no_grad():
        network.leave.bias[:3] += none_bias
    folder.mkdir(parents=True, exist_ok=True)
    _write_network(network.eval(), folder / "tagger.onnx")
    _write_tables(state, folder / "words.npz")
    return {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in ("tagger.onnx", "words.npz")}


def _write_network(network: Network, path: Path) -> None:
    names = {"input_names": ["vectors", "pauses"], "output_names": ["scores"]}
    axes = {name: {0: "texts", 1: "words"} for name in ("vectors", "pauses", "scores")}
    example = (torch.zeros(2, 16, WIDTH), torch.zeros(2, 16, dtype=torch.int64))
    with tempfile.TemporaryDirectory() as scratch:
        whole = Path(scratch) / "float.onnx"
        torch.onnx.export(network, example, str(whole), opset_version=17, dynamo=False, dynamic_axes=axes, **names)  # type: ignore[arg-type]
        quantize_dynamic(whole, path, weight_type=QuantType.QInt8, per_channel=True)


def _write_tables(state: dict[str, Any], path: Path) -> None:
    words, word_scales = _in_8_bits(state["words"]["words.weight"].numpy())
    pieces, piece_scales = _in_8_bits(state["words"]["pieces.weight"].numpy())
    known = np.frombuffer("\n".join(state["known"]).encode(), np.uint8)
    np.savez_compressed(
        path, known=known, words=words, word_scales=word_scales, pieces=pieces, piece_scales=piece_scales
    )


def _in_8_bits(table: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Rows as integers from -127 to 127, and what each row is to be multiplied with."""
    scales = np.abs(table).max(axis=1) / 127
    rounded = np.round(table / np.maximum(scales, 1e-12)[:, None]).astype(np.int8)
    return rounded, scales.astype(np.float32)


def main() -> None:
    """Reads the checkpoint, writes the files, prints their hashes."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("checkpoint", type=Path)
    arguments.add_argument("--out", type=Path, required=True)
    arguments.add_argument("--none-bias", type=float, default=0.0)
    chosen = arguments.parse_args()
    for name, sha256 in export(chosen.checkpoint, chosen.out, chosen.none_bias).items():
        print(f'"{name}": "{sha256}",')


if __name__ == "__main__":
    main()
