"""`python -m training.whisper.export --out FOLDER`: Whisper's encoder and decoder as networks without weights.

Needs `onnx`, which the project does not install. There are no sizes in them either: one set serves Whisper models of
all sizes. Weights have the names of the variables in CTranslate2's form of the model.
"""

import argparse
from pathlib import Path

from training.whisper import decoder, encoder

NETWORKS = {
    "encoder_front": encoder.write_front,
    "encoder_layer": encoder.write_layer,
    "decoder_memory": decoder.write_memory,
    "decoder_layer": decoder.write_layer,
    "decoder_vocabulary": decoder.write_vocabulary,
}


def main() -> None:
    """Writes all of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    folder: Path = parser.parse_args().out
    for name, write in NETWORKS.items():
        write(folder / f"{name}.onnx")


if __name__ == "__main__":
    main()
