"""What the transcript of a recording must be: the same steps with the same stub, in this process, without any queue."""

import tempfile
from functools import cache
from pathlib import Path

from pipeline.chain import Models, transcribe
from pipeline.options import JobOptions
from pipeline.render import to_json
from pipeline.spec import read_spec
from tests.faults import stub
from tests.faults.recordings import recording


class Oracle:
    """Knows the document of every recording by its number."""

    def __init__(self, model: str, options: JobOptions) -> None:
        spec = read_spec(Path(model), name=model)
        self._models = Models(Path(model), spec, stub.HashModel(spec))
        self._options = options
        self.document = cache(self._document)

    def _document(self, number: int) -> str:
        with tempfile.NamedTemporaryFile(suffix=".wav") as file, stub.uncaged():
            file.write(recording(number))
            file.flush()
            return to_json(transcribe(Path(file.name), self._models, self._options))
