r"""One line of a files manifest: an entry and where its content is stored.

A manifest is UTF-8 text in which every line is one JSON object followed by ``\n``. The first line is the root
directory itself. Lines follow in walk order: a directory before its contents, the names in a directory by their
raw bytes, depth first. The same entry always gives the same line: keys sorted, no spaces, everything outside
ASCII as ``\uXXXX``. A line holds nothing that changes while the file does not.

=========  ========================  ====================================================================
key        value                     meaning; a key marked * is always there, absent means what is said
=========  ========================  ====================================================================
device     [integer, integer]        major and minor number of a device; absent for all other kinds
extents    [[offset, length], ...]   where a sparse file has data, in bytes, ascending; the rest is zeros;
                                     absent: data everywhere; ``[]``: nothing but a hole of ``size`` bytes
gid *      integer                   number of the group
group      string                    name of the group where the file was found; absent: unknown
kind       string                    ``directory``, ``symlink``, ``fifo``, ``character-device`` or
                                     ``block-device``; absent: a file
link       string                    path of the first line that is the same inode (a hard link); absent: none
mode *     integer                   permission bits, 0 to 4095, in decimal: 420 is ``rw-r--r--`` (octal 644)
mtime *    integer                   nanoseconds since 1970-01-01T00:00:00Z; negative before; exceeds 2^53
path *     string                    path relative to the root with ``/`` between names; ``""`` is the root
pieces     [[id, offset, length]..]  the content: these slices of these chunks, one after another; for a
                                     sparse file its extents only; ids are unpadded base64url of 32 bytes,
                                     numbers are bytes; absent: no content
size       integer                   bytes of a file including its holes; absent: 0
target     string                    where a symlink points; absent: not a symlink
uid *      integer                   number of the owner
user       string                    name of the owner where the file was found; absent: unknown
xattrs     {name: value}             extended attributes; values are padded base64; POSIX ACLs and
                                     capabilities are among them, as the kernel gives them; absent: none
=========  ========================  ====================================================================

``path``, ``link``, ``target`` and names of xattrs are bytes on disk. Those that are valid UTF-8 are that text. A byte
that is not part of valid UTF-8 is written as the lone surrogate U+DC00 plus the byte: 0xFF is ``\udcff``.
A line with ``link`` carries all of the inode's data and its pieces again, so that it can be restored alone.
"""

import json
from binascii import Error as Base64Error
from binascii import a2b_base64, b2a_base64
from collections.abc import Sequence
from functools import lru_cache
from json.encoder import encode_basestring_ascii as quote
from typing import Any

from lifeboat.sources.files.entry import KINDS, Entry, Extent, Piece
from lifeboat.sources.files.errors import ManifestDamaged

_TO_URL = bytes.maketrans(b"+/", b"-_")
_FROM_URL = bytes.maketrans(b"-_", b"+/")
_KNOWN = frozenset(("device", "extents", "gid", "group", "kind", "link", "mode", "mtime", "path", "pieces"))
_KNOWN |= frozenset(("size", "target", "uid", "user", "xattrs"))
_STORED_KINDS = KINDS - {"socket", "file"}

_scan = json.JSONDecoder().scan_once  # type: ignore[attr-defined]


def encode(entry: Entry, pieces: Sequence[Piece] = ()) -> bytes:
    """Write the line, with its newline at the end."""
    (path, kind, mode, uid, gid, mtime_ns, size, user, group, xattrs, target, device, link, extents, _, _) = entry
    # Straight in the order of the keys: three times as fast as a dictionary through ``json.dumps``.
    line = "{"
    if device is not None:
        line += f'"device":[{device[0]},{device[1]}],'
    if extents is not None:
        line += f'"extents":[{",".join([f"[{offset},{length}]" for offset, length in extents])}],'
    line += f'"gid":{gid},'
    if group:
        line += f'"group":{quote(group)},'
    if kind != "file":
        line += f'"kind":"{kind}",'
    if link:
        line += f'"link":{quote(link.decode("utf-8", "surrogateescape"))},'
    line += f'"mode":{mode},"mtime":{mtime_ns},"path":{quote(path.decode("utf-8", "surrogateescape"))}'
    if pieces:
        line += f',"pieces":[{",".join([_piece(*piece) for piece in pieces])}]'
    if size:
        line += f',"size":{size}'
    if target:
        line += f',"target":{quote(target.decode("utf-8", "surrogateescape"))}'
    line += f',"uid":{uid}'
    if user:
        line += f',"user":{quote(user)}'
    if xattrs:
        line += f',"xattrs":{{{",".join(_xattrs(xattrs))}}}'
    return (line + "}\n").encode("ascii")


def decode(line: bytes) -> tuple[Entry, tuple[Piece, ...]]:
    """Read a line; ``stamp`` and ``link_count`` are not in it and come back as their defaults.

    Raises:
        ManifestDamaged: It is not a line that ``encode`` writes.
    """
    try:
        text = line.decode("ascii")
        fields, end = _scan(text, 0)
        if text[end:] not in ("\n", ""):
            raise ValueError("more than one value")
        entry, pieces = _entry(fields)
    except (ValueError, KeyError, TypeError, AttributeError, StopIteration, RecursionError, Base64Error) as error:
        raise ManifestDamaged(
            "a line of the files manifest cannot be read",
            "is this snapshot written by a newer lifeboat? run 'lifeboat verify'",
        ) from error
    return entry, pieces


def _piece(chunk: bytes, offset: int, length: int) -> str:
    return f'["{_name_of(chunk)}",{offset},{length}]'


@lru_cache(64)  # hundreds of small files in a row lie in one chunk
def _name_of(chunk: bytes) -> str:
    return b2a_base64(chunk, newline=False).translate(_TO_URL).rstrip(b"=").decode("ascii")


def _xattrs(xattrs: tuple[tuple[bytes, bytes], ...]) -> list[str]:
    """Sorted as text, like every other key; that is not always the order of the raw bytes."""
    named = sorted((name.decode("utf-8", "surrogateescape"), value) for name, value in xattrs)
    return [f'{quote(name)}:"{b2a_base64(value, newline=False).decode("ascii")}"' for name, value in named]


def _entry(fields: dict[str, Any]) -> tuple[Entry, tuple[Piece, ...]]:
    get = fields.get
    path, kind, size, extents = _raw(fields["path"]), get("kind", "file"), get("size", 0), get("extents")
    mode, uid, gid, mtime_ns = fields["mode"], fields["uid"], fields["gid"], fields["mtime"]
    if not type(mode) is type(uid) is type(gid) is type(mtime_ns) is type(size) is int:
        raise TypeError("not a whole number")
    if mode & ~0o7777 or size < 0 or uid < 0 or gid < 0 or (kind != "file" and kind not in _STORED_KINDS):
        raise ValueError("out of range")
    if not _KNOWN.issuperset(fields):
        raise ValueError("an unknown key")
    xattrs, target, device, link = get("xattrs"), get("target", ""), get("device"), get("link", "")
    user, group = get("user", ""), get("group", "")
    if not type(user) is type(group) is str:
        raise TypeError("not text")
    entry = Entry(
        path,
        kind,
        mode,
        uid,
        gid,
        mtime_ns,
        size,
        user,
        group,
        tuple(sorted((_raw(name), a2b_base64(value, strict_mode=True)) for name, value in xattrs.items()))
        if xattrs
        else (),
        _raw(target) if target else b"",
        _two_numbers(device) if device is not None else None,
        _raw(link) if link else b"",
        _extents(extents, size) if extents is not None else None,
    )
    return entry, tuple([_read_piece(*piece) for piece in get("pieces", ())])


def _raw(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _read_piece(name: str, offset: int, length: int) -> Piece:
    chunk = a2b_base64(name.encode("ascii").translate(_FROM_URL) + b"=")
    if len(chunk) != 32 or not type(offset) is type(length) is int or offset < 0 or length < 0:
        raise ValueError("not a piece")
    return chunk, offset, length


def _two_numbers(pair: list[int]) -> tuple[int, int]:
    first, second = pair
    if not type(first) is type(second) is int or first < 0 or second < 0:
        raise ValueError("not a pair of numbers")
    return first, second


def _extents(pairs: list[list[int]], size: int) -> tuple[Extent, ...]:
    extents = tuple(map(_two_numbers, pairs))
    end = 0
    for offset, length in extents:
        if offset < end or length == 0:
            raise ValueError("extents overlap or stand in the wrong order")
        end = offset + length
    if end > size:
        raise ValueError("an extent ends behind the file")
    return extents
