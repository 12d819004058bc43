"""Runs rescue.py inside this process, from its text, fresh each time: for tests that try thousands of damages."""

import contextlib
import io
import os
import sys
import types
from pathlib import Path
from unittest import mock

from format_writer import key_text
from rescue_alone import Outcome

from lifeboat.rescue import rescue_script

CODE = compile(rescue_script(), "rescue.py", "exec")


def fresh_rescue() -> types.ModuleType:
    """Return the script as a new module, for its functions."""
    module = types.ModuleType("rescue_alone")
    sys.modules[module.__name__] = module  # dataclasses look their module up
    exec(CODE, module.__dict__)
    return module


def rescue_here(seed: bytes, *arguments: str | Path) -> Outcome:
    """Run a command as the shell would, much faster."""
    out, err = io.TextIOWrapper(io.BytesIO()), io.TextIOWrapper(io.BytesIO())
    with (
        mock.patch.dict(os.environ, {"LIFEBOAT_KEY": key_text(seed)}),
        mock.patch.object(sys, "argv", ["rescue.py", *map(str, arguments)]),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        code = fresh_rescue().main()
        out.flush(), err.flush()
        return Outcome(code, out.buffer.getvalue().decode(), err.buffer.getvalue().decode())  # type: ignore[attr-defined]
