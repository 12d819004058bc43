"""What each command of the oplog does to a catalog. One set of rules, for a catalog that is known exactly (``catalog_follow``) and
for one that was described while it changed (``dump_catalog``); they differ in whom a command may speak of.

Pure. Invariant: a command whose effect is not known here is refused, and so is one of a form that nobody has seen.
"""

from collections.abc import Callable, Iterable
from typing import Any, ClassVar

import bson
from bson import SON
from bson.errors import BSONError

from lifeboat.sources.mongodb.catalog import EXACT, Document
from lifeboat.sources.mongodb.errors import BlockUnreadable
from lifeboat.sources.mongodb.oplog.apply_diff import apply_diff
from lifeboat.sources.mongodb.oplog.change import Change
from lifeboat.sources.mongodb.oplog.command import Command, Event
from lifeboat.sources.mongodb.oplog.held import Held, UnknownChange, made_by

VIEWS = "system.views"
MEANS_NOTHING = frozenset({"startIndexBuild", "abortIndexBuild", "setMultikeyMetadata", "dropIdent", "dbCheck"})
UNREADABLE = (
    BSONError,
    KeyError,
    ValueError,
    TypeError,
    AttributeError,
    OverflowError,
    RecursionError,
    BlockUnreadable,
)
"""What hostile or unknown forms make of those who read them."""
ViewKey = tuple[str, str]


class CatalogRules:
    """Who derives says whom a command means, and keeps the collections; views are kept here, as ``system.views`` has them."""

    def __init__(self) -> None:
        self._views: dict[ViewKey, Document] = {}

    def _meant(self, told: Command, name: str) -> Held | None:
        """Whom a command speaks of; None for one that is of no interest.

        Raises:
            UnknownChange: Nobody can say.
        """
        raise NotImplementedError

    def _held_of(self, database: str) -> Iterable[Held]:
        raise NotImplementedError

    def _named(self, database: str, name: str) -> Held | None:
        raise NotImplementedError

    def _target_of(self, told: Command, to: str, target: Any) -> Held | None:
        """Which collection a rename replaces."""
        raise NotImplementedError

    def _add(self, told: Command, held: Held) -> None:
        raise NotImplementedError

    def _remove(self, held: Held) -> None:
        raise NotImplementedError

    def _move(self, held: Held | None, into: str, to: str, *, stays_temporary: bool) -> None:
        """Args: held: None for one that is of no interest under its old name."""
        raise NotImplementedError

    def _put_view(self, key: ViewKey, whole: Document | None, *, is_new: bool) -> None:
        """Args: whole: The view as it is now; None when only a difference to one is told that is not known."""
        raise NotImplementedError

    def _apply(self, event: Event) -> None:
        """Raises:
        UnknownChange: It cannot be applied exactly.
        """
        try:
            if isinstance(event, Change):
                self._change_view(event)
            elif event.name not in MEANS_NOTHING:
                apply = self._commands.get(event.name)
                if apply is None:
                    raise UnknownChange("what it does is not known")
                apply(self, event, bson.decode(event.o, codec_options=EXACT))
        except UnknownChange:
            raise
        except UNREADABLE as trouble:
            raise UnknownChange("it has an unknown form") from trouble

    def _create(self, told: Command, o: Document) -> None:
        self._add(told, made_by(told.database, o["create"], told.uuid, o, told.when))

    def _drop(self, told: Command, o: Document) -> None:
        held = self._meant(told, o["drop"])
        if held is not None:
            self._remove(held)
        if o["drop"] == VIEWS:
            self._forget_views(told.database)

    def _drop_database(self, told: Command, o: Document) -> None:
        for held in list(self._held_of(told.database)):
            self._remove(held)
        self._forget_views(told.database)

    def _rename(self, told: Command, o: Document) -> None:
        (database, _, name), (into, _, to) = o["renameCollection"].partition("."), o["to"].partition(".")
        if database != into or VIEWS in (name, to):
            raise UnknownChange(f"it makes {o['to']} of it")
        held = self._meant(told, name)
        if o.get("dropTarget"):
            replaced = self._target_of(told, to, o["dropTarget"])
            if replaced is not None:
                self._remove(replaced)
        stays_temporary = bool(o.get("stayTemp"))
        self._move(held, into, to, stays_temporary=stays_temporary)
        if held is not None and not stays_temporary:
            held.options.pop("temp", None)

    def _collmod(self, told: Command, o: Document) -> None:
        held = self._meant(told, o["collMod"])
        if held is not None:
            held.change(o)

    def _create_index(self, told: Command, o: Document) -> None:
        held = self._meant(told, o["createIndexes"])
        if held is not None:
            held.put_index(SON(list(o.items())[1:]))

    def _commit_build(self, told: Command, o: Document) -> None:
        held = self._meant(told, o["commitIndexBuild"])
        if held is not None:
            for specification in o["indexes"]:
                held.put_index(specification)

    def _drop_index(self, told: Command, o: Document) -> None:
        held = self._meant(told, o[told.name])
        if held is not None:
            held.drop_indexes(o["index"])

    def _empty(self, told: Command, o: Document) -> None:
        held = self._meant(told, o["emptycapped"])
        if held is not None:
            held.born = told.when

    def _change_view(self, change: Change) -> None:
        database = change.namespace.partition(".")[0]
        is_difference = change.kind == "u" and not change.is_whole
        about = (change.o2 or b"") if is_difference else change.o
        document: Document = bson.decode(about, codec_options=EXACT)
        key = (database, str(document["_id"]).removeprefix(f"{database}."))
        if change.kind == "d":
            self._views.pop(key, None)
        else:
            whole = self._view_after(key, change.o) if is_difference else document
            self._put_view(key, whole, is_new=change.kind == "i")

    def _view_after(self, key: ViewKey, difference: bytes) -> Document | None:
        there = self._views.get(key)
        if there is None:
            return None
        whole: Document = bson.decode(
            apply_diff(bson.encode(there, codec_options=EXACT), difference), codec_options=EXACT
        )
        return whole

    def _forget_views(self, database: str) -> None:
        self._views = {key: told for key, told in self._views.items() if key[0] != database}

    _commands: ClassVar[dict[str, Callable[[Any, Command, Document], None]]] = {
        "create": _create,
        "drop": _drop,
        "dropDatabase": _drop_database,
        "renameCollection": _rename,
        "collMod": _collmod,
        "createIndexes": _create_index,
        "commitIndexBuild": _commit_build,
        "dropIndexes": _drop_index,
        "deleteIndexes": _drop_index,
        "deleteIndex": _drop_index,
        "dropIndex": _drop_index,
        "emptycapped": _empty,
    }


def words_for(event: Event) -> str:
    """An entry in words, as far as it can be read: ``drop of shop.orders``."""
    if isinstance(event, Change):
        return f"{'change of a view' if event.namespace.endswith(f'.{VIEWS}') else 'change'} in {event.namespace}"
    try:
        first = next(iter(bson.decode(event.o, codec_options=EXACT).values()), None)
    except UNREADABLE:
        first = None
    if not isinstance(first, str):
        return f"{event.name} in {event.database}"
    return f"{event.name} of {first if event.name == 'renameCollection' else f'{event.database}.{first}'}"
