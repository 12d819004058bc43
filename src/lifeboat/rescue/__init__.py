"""The rescue script: one file that reads a repository without this package.

Invariant: nothing here imports the script, and the script imports nothing of the package. It travels as text, into
every repository and to whoever asks for it.
"""

from importlib.resources import files


def rescue_script() -> str:
    """Return the text of ``rescue.py``, as it is stored in every repository."""
    return files(__name__).joinpath("rescue.py").read_text("utf-8")
