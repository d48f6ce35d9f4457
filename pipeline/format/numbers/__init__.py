"""Inverse text normalisation: the numbers among spoken English words, and how one writes them.

A table of rules, a module a class of expressions, over regular expressions that are built from one lexicon; times and
confidences need no aligning, as each number is a span of word indices. `scan` walks over the words and applies the
rules in order.
"""

from pipeline.format.numbers.dates import MONTHS
from pipeline.format.numbers.rule import NumberKind
from pipeline.format.numbers.scan import NumberSpan, find_numbers

__all__ = ["MONTHS", "NumberKind", "NumberSpan", "find_numbers"]
