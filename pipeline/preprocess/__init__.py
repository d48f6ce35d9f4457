"""The first step: from a file to the speech on each channel, at 16 kHz and an even level."""

from pipeline.preprocess.step import Examined, examine, preprocess

__all__ = ["Examined", "examine", "preprocess"]
