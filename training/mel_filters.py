"""`python -m training.mel_filters --out FILE`: mel filter banks of the models that there are, as librosa makes them.

Read from a file they cost a process nothing; librosa, which makes those of other models, holds 130 MB.
"""

import argparse
from pathlib import Path

import numpy as np

from pipeline.features import filters_by_librosa, filters_name
from pipeline.spec import NemoLogMel, WhisperLogMel

BANKS = [(front_end.n_fft, bands) for front_end in (WhisperLogMel(), NemoLogMel()) for bands in (80, 128)]


def main() -> None:
    """Writes all of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    np.savez_compressed(parser.parse_args().out, **{filters_name(*bank): filters_by_librosa(*bank) for bank in BANKS})


if __name__ == "__main__":
    main()
