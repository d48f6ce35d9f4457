"""What the search and the alignment need not do: hold all of a long text at once, and search frames that say nothing.

Long emissions are cut between words, so that time and memory grow with the length and no faster.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.decode.labels import PIECE_START, SPACE, CtcLabels

WINDOW_S = 12.0
"""A window is at least so long; it ends at the first place between two words after that."""
_SURE = 0.9
"""How likely a label must be to cut there, while a window is shorter than twice as long."""
_SURELY_BLANK = 0.99


def windows(
    log_probs: npt.NDArray[np.floating[Any]], labels: CtcLabels, frame_s: float
) -> list[npt.NDArray[np.floating[Any]]]:
    """Frames x labels in stretches of `WINDOW_S` and more; emissions without a word's start in them are one window."""
    least = max(1, round(WINDOW_S / frame_s))
    if len(log_probs) <= 2 * least:
        return [log_probs]
    cuts: list[int] = [0]
    for start, is_sure in zip(*_word_starts(log_probs, labels), strict=True):
        # A last window of a few words would cost its neighbours a context for nothing.
        if len(log_probs) - start < least:
            break
        if start - cuts[-1] >= (least if is_sure else 2 * least):
            cuts.append(start)
    return np.split(log_probs, cuts[1:])


def telling_frames(log_probs: npt.NDArray[np.floating[Any]], blank: int) -> npt.NDArray[np.intp]:
    """Of each run of frames that are surely blank, the first: it keeps equal labels apart, the rest change nothing."""
    is_blank = log_probs[:, blank] > np.log(_SURELY_BLANK)
    return np.flatnonzero(~(is_blank & np.concatenate([[False], is_blank[:-1]])))


def _word_starts(
    log_probs: npt.NDArray[np.floating[Any]], labels: CtcLabels
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.bool_]]:
    """The frames at which the best path starts a word, and whether it is sure of that."""
    best = log_probs.argmax(axis=1)
    mark = PIECE_START if labels.pieces else SPACE
    is_start = np.array([text.startswith(mark) for text in labels.texts])[best]
    # A label that goes on is one label: cut before its first frame, and it stays whole.
    begins = is_start & np.concatenate([[True], best[1:] != best[:-1]])
    starts = np.flatnonzero(begins)
    return starts, np.exp(log_probs[starts, best[starts]].astype(np.float32)) >= _SURE
