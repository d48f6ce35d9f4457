"""Opens a recording and reads it as a stream, within limits that hold whatever its header claims."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from pipeline.audio.cage import Cage, CagedDecoder, start
from pipeline.audio.decoder import Decoder
from pipeline.audio.header import Declared, Limits, check_stream
from pipeline.errors import DurationLimit, NoAudioSamples, NonFiniteSamples


class AudioReader:
    """An open recording: its format at once, its samples by `blocks`, once; a context manager."""

    def __init__(self, decoder: Decoder, limits: Limits, resources: ExitStack) -> None:
        self.container = decoder.format.container
        self.codec = decoder.format.codec
        self.sample_rate_hz = decoder.format.sample_rate_hz
        self.channels = decoder.format.channels
        self.frames_read = 0
        check_stream(self.sample_rate_hz, self.channels, limits)
        self._decoder = decoder
        self._limits = limits
        self._resources = resources

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._resources.close()

    @property
    def warnings(self) -> tuple[str, ...]:
        """Stable tokens, complete when `blocks` has ended."""
        return self._decoder.warnings

    @property
    def progress(self) -> float:
        """The share that has been read, 0 to 1, by the length that the header lets expect."""
        expected = self._decoder.format.frames
        return min(1.0, self.frames_read / expected) if expected else 0.0

    def blocks(self) -> Iterator[NDArray[np.float32]]:
        """Decode: arrays (frames, channels), finite, full scale 1.0, each its own.

        Raises DecodeError, Truncated, NonFiniteSamples, DurationLimit or NoAudioSamples; `warnings` and `frames_read`
        are complete once it ends.
        """
        most_frames = self._limits.max_duration_s * self.sample_rate_hz
        for block in self._decoder.blocks():
            self.frames_read += len(block)
            if self.frames_read > most_frames:
                raise DurationLimit(f"the limit is {self._limits.max_duration_s / 3600:.1f} h")
            if not np.isfinite(block).all():
                raise NonFiniteSamples
            yield block
        if self.frames_read == 0:
            raise NoAudioSamples


def open_audio(path: Path, limits: Limits, declared: Declared | None = None, cage: Cage | None = None) -> AudioReader:
    """Recognise, check and open the recording at `path` in a confined process; use it in a `with` statement.

    `declared` says what it is when it has no header; then none is looked for.

    Raises an InputError of `pipeline.errors` that says what is wrong, before anything is decoded.
    """
    with ExitStack() as guard:
        resources = guard.enter_context(ExitStack())
        file = resources.enter_context(path.open("rb"))
        chosen = cage or Cage()
        decoder = CagedDecoder(start(file, limits, declared, chosen), chosen.silence_s, resources)
        reader = AudioReader(decoder, limits, resources)
        # From here on the reader closes them.
        guard.pop_all()
        return reader
