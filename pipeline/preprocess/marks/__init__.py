"""Sounds of the line that are no speech: hold music, ringing, busy and dial tones, keys, fax, beeps.

`spectra`, `dtmf` and `music` hear a channel in blocks, `bursts` and `dtmf` name tones, `sounds` is what comes of it.
"""

from pipeline.preprocess.marks.listening import Listened, listen
from pipeline.preprocess.marks.sounds import Pulse, Sounds

__all__ = ["Listened", "Pulse", "Sounds", "listen"]
