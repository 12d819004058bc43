"""Standard output, for bytes: an export, a log for an auditor."""

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO


@contextmanager
def standard_output() -> Iterator[BinaryIO]:
    """Written out at the end of the block; raises ``OSError`` when it does not take all of it, is closed, or nobody reads it any more."""
    if sys.stdout is None:
        raise OSError(errno.EBADF, "it is closed")
    try:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
    except BaseException:
        try:
            sys.stdout.buffer.flush()
        except OSError:
            forget_what_is_unwritten(sys.stdout.fileno())
        raise


def forget_what_is_unwritten(descriptor: int) -> None:
    """Point it elsewhere, or the interpreter tries once more at its own end, and complains."""
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), descriptor)
