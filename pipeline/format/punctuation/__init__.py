"""Punctuation and case by a small tagger of our own, for English words of models that write neither.

`features` is what it sees of words and pauses, `tagger` runs it with onnxruntime, `sentences` writes what it says. Its
two files are made by `training/punctuation`, which says from which text.
"""

from pipeline.format.punctuation.sentences import TaggedSentences
from pipeline.format.punctuation.tagger import Tagger, load_tagger

__all__ = ["TaggedSentences", "Tagger", "load_tagger"]
