"""The anchors of the record of acts: whether each opens and is what its writer stored. What they say of each other: `lifeboat audit verify`."""

from lifeboat.evidence.anchor import read_anchors
from lifeboat.foundation.errors import LifeboatError
from lifeboat.operations.verify.found import Structure, damaged
from lifeboat.repository.open_repository import Repository

HURTS = ("the record of acts of that time: `lifeboat audit verify`",)


def check_acts(repository: Repository, found: Structure) -> None:
    """Read all of them: a few hundred bytes each, but many over the years, so only where everything is read."""
    for writer in repository.secrets:
        for name, anchor in read_anchors(repository, writer):
            if isinstance(anchor, LifeboatError):
                damaged(found, name, anchor, HURTS)
