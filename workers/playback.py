"""Makes a recording playable, in a process of its own: `python -m workers.playback SOURCE OPTIONS TARGET`.

Standard input is a JSON list of stretches, [start, end] in seconds, that a tone takes the place of.

Decoding takes libraries that a server of requests is better off without. The outline of each channel is written beside
TARGET as JSON, `{"channels": [[[low, high], ...], ...]}`; what is wrong with the recording, to standard error.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from pipeline.errors import InputError
from pipeline.options import PreprocessOptions
from pipeline.values import Span
from workers.errors import NotPlayable

_MOST_S = 600.0


def make_playable(source: Path, options: PreprocessOptions, target: Path, silenced: Sequence[Span] = ()) -> str:
    """Write `source` as the WAV file `target`, without the stretches `silenced`; the outline of its channels as JSON.

    Raises:
        NotPlayable: it can't be decoded, and why.
    """
    command = [sys.executable, "-m", "workers.playback", str(source), options.model_dump_json(), str(target)]
    stretches = json.dumps([[span.start_s, span.end_s] for span in silenced])
    try:
        done = subprocess.run(  # noqa: S603  # our own program
            command, input=stretches, capture_output=True, text=True, timeout=_MOST_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise NotPlayable("decoding takes too long") from error
    if done.returncode:
        raise NotPlayable(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "it can't be decoded")
    return outline_of(target).read_text(encoding="ascii")


def outline_of(target: Path) -> Path:
    """Where the outline of a playable file stands."""
    return target.with_suffix(".json")


def main(source: str, options: str, target: str, stretches: str = "[]") -> int:
    """Make one recording playable; the exit status."""
    # The libraries are loaded in the process that was started for them.
    from pipeline.preprocess.playback import write_playable  # noqa: PLC0415

    chosen = PreprocessOptions.model_validate_json(options)
    silenced = [(start_s, end_s) for start_s, end_s in json.loads(stretches)]
    try:
        outlines = write_playable(Path(source), chosen, Path(target), silenced)
    except InputError as error:
        sys.stderr.write(f"{error.code}: {error.sentence}\n")
        return 1
    drawn = json.dumps({"channels": [outline.peaks.tolist() for outline in outlines]}, separators=(",", ":"))
    outline_of(Path(target)).write_text(drawn, encoding="ascii")
    return 0


if __name__ == "__main__":
    source_path, options_json, target_path = sys.argv[1:]
    sys.exit(main(source_path, options_json, target_path, sys.stdin.read()))
