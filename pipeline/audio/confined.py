"""The process in which an untrusted file or stream is decoded: it is its standard input, what it hears its output."""

import json
from contextlib import ExitStack
from functools import partial

from pipeline.audio import confine, wire
from pipeline.audio.header import Declared, Limits
from pipeline.audio.opening import Request, open_decoder
from pipeline.audio.pipe import open_live
from pipeline.errors import DecoderCrash, InputError


def decode_stdin(limits_as_json: str) -> None:
    """Decode standard input within limits (see `cage.Cage`) and tell standard output; it is for good."""
    told = json.loads(limits_as_json)
    confine.die_with_parent()
    confine.limit_cpu(told["cpu_s"])
    limits = Limits(told["max_duration_s"], told["max_channels"])
    declared = Declared(**told["declared"]) if told["declared"] else None
    shut = partial(confine.confine, told["memory_bytes"])
    with open(0, "rb", closefd=False) as file, open(1, "wb", closefd=False) as out, ExitStack() as resources:
        try:
            request = Request(file, limits, declared)
            if told["is_live"]:
                decoder = open_live(request, partial(wire.send_hungry, out), shut)
            else:
                decoder = open_decoder(request, resources, shut)
            wire.send_format(out, decoder.format)
            for block in decoder.blocks():
                wire.send_block(out, block)
            wire.send_end(out, decoder.warnings)
        except InputError as error:
            wire.send_error(out, error)
        except MemoryError:
            wire.send_error(out, DecoderCrash("it asked for too much memory"))
