"""Have everything erased that must not come back, once all has landed and was compared; a run that was killed goes on and loses no count.

A collection that an earlier run had swapped in already was rid of it before; if something was put down since, it is looked through once more.
"""

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from hashlib import sha256

from lifeboat.foundation.finding import Finding
from lifeboat.sources.mongodb.erase import Chooses, ErasedThere, erase, not_erasable
from lifeboat.sources.mongodb.landing import SERVER_SCRIPTS, Found, Landing
from lifeboat.sources.mongodb.target_server import TargetServer


class ErasingLanded:
    """Args:
    erased: By namespace as it was stored.
    finished, mark: As for ``carry_out``.
    """

    def __init__(
        self,
        server: TargetServer,
        erased: Mapping[str, Chooses],
        finished: AbstractSet[str],
        mark: Callable[[str, str], None],
    ) -> None:
        self._server = server
        self._erased = erased
        self._finished = finished
        self._mark = mark
        self.account: dict[str, tuple[ErasedThere, ...]] = {}
        self.findings: list[Finding] = []

    def erase(self, landing: Landing, uuid: str) -> None:
        """Look through one collection, and have gone what is to go."""
        chooses = self._erased.get(landing.entry.namespace)
        if chooses is None or landing.name == SERVER_SCRIPTS:
            return
        self.findings += not_erasable(landing, chooses)
        which = sha256("\n".join(chooses.selectors).encode()).hexdigest()[:16]
        step = f"erased:{uuid}:{which}"
        noted = self._noted(f"erasing:{uuid}:", landing.namespace)
        if landing.found is Found.RESTORED and f"{step} {landing.namespace}" in self._finished:
            self._tell(landing, noted)
            return
        name = landing.final if landing.found is Found.RESTORED else landing.temporary
        for found in erase(self._server, landing, name, uuid, chooses):
            # Looked at once more by a run that goes on, what is gone already is not seen: the larger count is the true one.
            for one in found:
                before = noted.get(one.erasure, ErasedThere(one.erasure))
                noted[one.erasure] = ErasedThere(
                    one.erasure, max(one.documents, before.documents), max(one.trimmed, before.trimmed)
                )
            if found:
                counts = ",".join(f"{one.erasure}={one.documents}+{one.trimmed}" for one in noted.values())
                self._mark(f"erasing:{uuid}:{which}:{counts}", landing.namespace)
        self._mark(step, landing.namespace)
        self._tell(landing, noted)

    def _tell(self, landing: Landing, noted: Mapping[str, ErasedThere]) -> None:
        if noted:
            self.account[landing.namespace] = tuple(noted[one] for one in sorted(noted))

    def _noted(self, beginning: str, namespace: str) -> dict[str, ErasedThere]:
        """What an earlier run had found there."""
        found: dict[str, ErasedThere] = {}
        for step, _, of in (one.partition(" ") for one in self._finished if one.startswith(beginning)):
            if of != namespace:
                continue
            for said in filter(None, step.split(":")[3].split(",")):
                erasure, _, counts = said.partition("=")
                documents, _, trimmed = counts.partition("+")
                before = found.get(erasure, ErasedThere(erasure))
                found[erasure] = ErasedThere(
                    erasure, max(before.documents, int(documents)), max(before.trimmed, int(trimmed))
                )
        return found
