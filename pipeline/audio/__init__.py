"""From the bytes of a recording to blocks of samples: recognised by magic, checked, then decoded as a stream."""

from pipeline.audio.cage import Cage
from pipeline.audio.header import Declared, Limits
from pipeline.audio.live import open_stream
from pipeline.audio.magic import container_of
from pipeline.audio.reader import AudioReader, open_audio

__all__ = ["AudioReader", "Cage", "Declared", "Limits", "container_of", "open_audio", "open_stream"]
