"""Which months lack a record that their writer's chain names: what that needs is not known, so prune leaves those months alone.

The chain says of each record that it was committed, and the statements which of them were let go. One that is gone for neither reason was taken
out of the store by somebody, who wants prune to take its packs for unneeded.

Limits: links of the months in question are read, and those of the month after, in which a record is linked whose run died. That a writer's newest
links went together with their records is seen by who remembers them (``catalog-rolled-back``), not here.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence

from lifeboat.operations.prune.facts import Facts
from lifeboat.operations.prune.plan import Kind, PrunePlan
from lifeboat.repository.chain import Link
from lifeboat.repository.names import stated_digest
from lifeboat.repository.open_repository import Repository
from lifeboat.repository.statements import NOTHING_SAID, Standing, standings

NEEDED = (Kind.PACK, Kind.INDEX, Kind.KEY)
"""What a record that is gone may have needed."""


def lost_records(repository: Repository, facts: Facts, plan: PrunePlan) -> dict[tuple[str, str], str]:
    """Writer and month, with what is missing there in words; of the months alone in which the plan would remove what may be needed."""
    months = {one.generation for one in plan.removals if one.kind in NEEDED}
    said = standings(facts.statements)
    found: dict[tuple[str, str], str] = {}
    for writer in repository.secrets if months else ():
        records, links = repository.names_in_catalog(writer, ("snapshot-", "link-"))
        there = {stated_digest(name) for name in records}
        linked = sorted({name.split("/")[2] for name in links})
        before: Link | None = None
        for link in _links(repository, writer, linked, months):
            earlier = max((one for one in linked if one < link.generation), default="")
            if before is not None and before.generation not in (link.generation, earlier):
                before = None  # the links between were not read
            why = _why(link, before, [one for one in link.records if one not in there and not _was_let_go(said, one)])
            if why:
                # A record may be linked late: in the first month with a link after its own.
                since = before.generation if before is not None else earlier
                for month in months:
                    if since <= month <= link.generation and (writer, month) not in facts.unread:
                        found.setdefault((writer, month), why)
            before = link
    return found


def _why(link: Link, before: Link | None, gone: Sequence[str]) -> str:
    if gone:
        return f"snapshot record {gone[0][:16]}, which its writer's chain names, is gone and nobody let it go"
    if before is not None and link.sequence > before.sequence + 1:
        return f"link {before.sequence + 1} of its writer's chain is gone, and what that names is not known"
    return ""


def _was_let_go(said: Mapping[str, Standing], record: str) -> bool:
    return said.get(record, NOTHING_SAID).may_be_gone


def _links(repository: Repository, writer: str, linked: Sequence[str], months: Collection[str]) -> Iterator[Link]:
    """The links of these months and of the next one after each that has any, in the order of their numbers; what does not open counts for
    nothing. Args: linked: the months that have links, in order.
    """
    wanted = {one for one in linked if one in months}
    wanted |= {next((one for one in linked if one > month), month) for month in months}
    for _, link in repository.links(writer, wanted):
        if isinstance(link, Link):
            yield link
