"""The weights of a model in CTranslate2's form: variables by their names.

The layout is that of `Model::load` in CTranslate2's `src/models/model.cc`, all in little-endian order: a version, the
name and revision of the specification, the variables, and further names for some of them.
"""

import mmap
import struct
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import ModelMismatch

_VERSION = 6
_BFLOAT16 = 5
_TYPES = {0: np.float32, 1: np.int8, 2: np.int16, 3: np.int32, 4: np.float16, _BFLOAT16: np.uint16}

Variables = Mapping[str, NDArray[np.generic]]


def read_variables(path: Path, prefix: str) -> Variables:
    """Those variables in the file `path` whose names begin with `prefix`, by the rest of their names.

    Numbers of bfloat16 come as float32, all others as they are.

    Raises:
        ModelMismatch: the file is not of the one version of this layout that is known here.
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        reader = _Reader(content)
        try:
            if reader.number("I") != _VERSION:
                raise ModelMismatch(f"{path} is not of version {_VERSION} of CTranslate2's form")
            reader.text()
            reader.number("I")
            found = dict(reader.variable(prefix) for _ in range(reader.number("I")))
        except (struct.error, UnicodeDecodeError, KeyError, ValueError) as error:
            raise ModelMismatch(f"{path} is not in CTranslate2's form") from error
    return {name.removeprefix(prefix): value for name, value in found.items() if value is not None}


class _Reader:
    """Goes through the bytes of a model from its beginning."""

    def __init__(self, content: mmap.mmap) -> None:
        self._content = content
        self._position = 0

    def number(self, kind: str) -> int:
        """An unsigned integer of a `struct` format."""
        (value,) = struct.unpack_from(f"<{kind}", self._content, self._position)
        self._position += struct.calcsize(f"<{kind}")
        return int(value)

    def text(self) -> str:
        """A string, which ends with a null byte."""
        return self._bytes(self.number("H"))[:-1].decode()

    def variable(self, prefix: str) -> tuple[str, NDArray[np.generic] | None]:
        """The name of the next variable, and its value if the name begins with `prefix`."""
        name = self.text()
        shape = [self.number("I") for _ in range(self.number("B"))]
        kind, size = self.number("B"), self.number("I")
        if not name.startswith(prefix):
            self._position += size
            return name, None
        value = np.frombuffer(self._bytes(size), _TYPES[kind]).reshape(shape)
        return name, (value.astype(np.uint32) << 16).view(np.float32) if kind == _BFLOAT16 else value

    def _bytes(self, size: int) -> bytes:
        start, self._position = self._position, self._position + size
        return self._content[start : self._position]
