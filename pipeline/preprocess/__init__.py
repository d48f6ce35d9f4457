"""The first step: from a file to the speech on each channel, at 16 kHz and an even level."""

from pipeline.preprocess.step import preprocess

__all__ = ["preprocess"]
