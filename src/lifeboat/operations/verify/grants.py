"""Whether data keys that were opened to somebody afterwards open: what is damaged of them nobody else misses."""

from lifeboat.foundation.errors import LifeboatError
from lifeboat.foundation.finding import Finding, Level
from lifeboat.repository.errors import SaidByFormer, SaidByNobody
from lifeboat.repository.granting import list_keys, read_grant
from lifeboat.repository.objects import read_many
from lifeboat.repository.open_repository import Repository


def check_grants(repository: Repository) -> list[Finding]:
    """Every grant of every month; raises what is worth trying again."""
    found = []
    names = [name for month in list_keys(repository.store) for name in month.grants]
    for name, raw in read_many(repository.store, names):
        try:
            if isinstance(raw, Exception):
                raise raw
            read_grant(raw, name, repository.description)
        except SaidByFormer:
            continue
        except SaidByNobody as error:
            words = f"{error.message}; it opens nothing"
            found.append(Finding(Level.WARNING, error.code, name, words, error.hint))
        except LifeboatError as error:
            if error.worth_retrying:
                raise
            hurts = ("data keys for a recipient who came later: `lifeboat recipient open` opens them again",)
            found.append(Finding(Level.PROBLEM, error.code, name, error.message, error.hint, hurts))
    return found
