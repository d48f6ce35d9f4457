"""Tells the beginning of a sound from a short word.

Where music or a machine begins all at once, at the start of a recording or out of digital silence, the detector is
startled and hears speech for a moment. It does not where it has heard the sound before: so a short stretch that goes
over into a sound as loud, without a pause and without speech, is heard once more after what follows it. Behind a word
there is a pause, and most words stay words then.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.preprocess.listening import detect
from pipeline.preprocess.segments import Stretch
from pipeline.preprocess.spool import Track
from pipeline.preprocess.vad import WINDOW, Listening
from pipeline.values import SAMPLE_RATE_HZ

LONGEST = round(0.8 * SAMPLE_RATE_HZ / WINDOW)
"""Windows: of 47 onsets of music that were taken for speech all were shorter."""
FOLLOWING = 4 * SAMPLE_RATE_HZ // WINDOW
"""Windows that the detector hears first. After one second every fifth onset was still speech, after four one in 47."""
LEAST_FOLLOWING = FOLLOWING // 4
GOES_ON = 10 ** (-12 / 10)
"""Of the power of the stretch, at least, what follows has."""
PAUSE = 10 ** (-20 / 10)
"""Of the power of the stretch, at most, a pause has in one window."""
SEAM = round(0.5 * SAMPLE_RATE_HZ / WINDOW)
"""Windows behind the stretch in which there is no pause."""


def goes_on(stretch: Stretch, speech: Sequence[Stretch], track: Track) -> bool:
    """Whether `stretch`, one of `speech`, is short and goes over into a sound as loud that is no speech."""
    start, stop = stretch
    if stop - start > LONGEST or any(stop <= other[0] < stop + FOLLOWING for other in speech):
        return False
    after = following(stretch, track)
    if len(after) < LEAST_FOLLOWING * WINDOW:
        return False
    power = (
        np.square(np.concatenate((track.read(start * WINDOW, stop * WINDOW), after))).reshape(-1, WINDOW).mean(axis=1)
    )
    own = float(power[: stop - start].mean())
    has_pause = float(power[1 : stop - start + SEAM].min()) < PAUSE * own
    return not has_pause and float(power[stop - start :].mean()) >= GOES_ON * own


def following(stretch: Stretch, track: Track) -> NDArray[np.float32]:
    """The sound behind `stretch`, in whole windows."""
    samples = track.read(stretch[1] * WINDOW, (stretch[1] + FOLLOWING) * WINDOW)
    return samples[: len(samples) // WINDOW * WINDOW]


def heard_again(stretch: Stretch, track: Track, gain: float | None, detector: Listening) -> float:
    """The highest probability of speech in `stretch` for a `detector` that has heard what follows it."""
    detect(detector, following(stretch, track), gain)
    return float(detect(detector, track.read(stretch[0] * WINDOW, stretch[1] * WINDOW), gain).max(initial=0))
