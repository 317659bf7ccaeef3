"""Work without output."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Discard all output of the process, also that of C++ code."""
    streams = (sys.stdout, sys.stderr)
    kept, nowhere = (
        [os.dup(stream.fileno()) for stream in streams],
        os.open(os.devnull, os.O_WRONLY),
    )
    for stream in streams:
        os.dup2(nowhere, stream.fileno())
    try:
        yield
    finally:
        for stream, each in zip(streams, kept, strict=True):
            stream.flush()
            os.dup2(each, stream.fileno())
            os.close(each)
        os.close(nowhere)
