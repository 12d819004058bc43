"""Everything of a name besides its content: put on something new, compared with something there, repaired where it differs.

Order: owner, attributes, mode, times. Changing the owner takes away setuid bits and capabilities, setting an attribute needs
a writable mode, and everything but the last moves the times.
Limits: what a filesystem or user cannot keep is told once for each kind of thing, not once for each file.
"""

import errno
import os
import stat
import sys

from lifeboat.foundation.finding import Finding, Level
from lifeboat.sources.files.attributes import AVAILABLE, Attributes, Pairs, way_to
from lifeboat.sources.files.entry import Entry, show
from lifeboat.sources.files.errors import OnTrouble
from lifeboat.sources.files.owners import Owners

ACL_DEFAULT = b"system.posix_acl_default"
_SET_ID = stat.S_ISUID | stat.S_ISGID
_REFUSALS = frozenset((errno.ENOTSUP, errno.EPERM, errno.EACCES, errno.EINVAL))
_TOO_MUCH = frozenset((errno.ENOSPC, errno.E2BIG, errno.ERANGE, errno.EDQUOT))
_OURS_TO_REMOVE = (b"user.", b"system.posix_acl_")
"""Attributes a restore takes away when the entry does not have them; the rest belongs to the machine, as SELinux labels do."""


Plain = tuple[int, int, int]
"""Owner and group (-1: leave it), and mode."""


class Metadata:
    """Writes metadata as far as this user and filesystem allow.

    Args:
        owner: Whether owners are restored; without them setuid and setgid bits of files are left out, because they
            would lend the rights of whoever runs the restore.
        inherits: Whether new names may get an ACL from the directory around, which must then be taken away.
    """

    def __init__(self, *, owner: bool, inherits: bool, on_trouble: OnTrouble) -> None:
        self._owner = owner
        self._inherits = inherits
        self._on_trouble = on_trouble
        self._owners = Owners()
        self._attributes = Attributes()
        self._told: set[str] = set()
        self._refused: set[bytes] = set()

    def apply(self, fd: int, entry: Entry) -> None:
        """Give everything to an open file or directory."""
        mode = self._mode(entry)
        if self._owner and not self._change_owner(fd, entry):
            mode &= ~_SET_ID
        if entry.xattrs or self._inherits:
            self._apply_attributes(fd, entry, () if not self._inherits else self._attributes.of_descriptor(fd, -1))
        os.fchmod(fd, mode)
        os.utime(fd, ns=(entry.mtime_ns, entry.mtime_ns))

    def plain(self, entry: Entry) -> Plain | None:
        """What ``apply`` gives to a file besides its times, if that is all; None if only ``apply`` knows."""
        if entry.xattrs or self._inherits or entry.mode & _SET_ID:
            return None
        return (*(self._numbers(entry) if self._owner else (-1, -1)), entry.mode)

    def apply_to_name(self, directory_fd: int, name: bytes, entry: Entry) -> None:
        """Give everything to what must not be opened: a symlink, fifo or device."""
        if self._owner:
            try:
                os.chown(name, *self._numbers(entry), dir_fd=directory_fd, follow_symlinks=False)
            except OSError as error:
                self._owner_refused(entry, error)
        if (entry.xattrs or self._inherits) and AVAILABLE:
            found = self._attributes.of_name(directory_fd, name, -1) if self._inherits else ()
            self._apply_attributes(way_to(directory_fd, name), entry, found)
        if entry.kind != "symlink":
            # The name is ours, made a moment ago under the temporary name, so there is no symlink to follow.
            os.chmod(name, self._mode(entry), dir_fd=directory_fd)
        os.utime(name, ns=(entry.mtime_ns, entry.mtime_ns), dir_fd=directory_fd, follow_symlinks=False)

    def repair(self, fd: int, entry: Entry) -> None:
        """Change what differs on an open file or directory that was there before; nothing if nothing does."""
        found = os.fstat(fd)
        mode, numbers = self._mode(entry), self._numbers(entry)
        if self._owner and (found.st_uid, found.st_gid) != numbers:
            if not self._change_owner(fd, entry):
                mode &= ~_SET_ID
            found = os.fstat(fd)
        attributes = self._attributes.of_descriptor(fd, found.st_dev)
        if attributes != entry.xattrs:
            self._apply_attributes(fd, entry, attributes)
            found = os.fstat(fd)
        if stat.S_IMODE(found.st_mode) != mode:
            os.fchmod(fd, mode)
        if found.st_mtime_ns != entry.mtime_ns:
            os.utime(fd, ns=(entry.mtime_ns, entry.mtime_ns))

    def agrees(self, found: os.stat_result, directory_fd: int, name: bytes, entry: Entry) -> bool:
        """Whether owner, mode, times and attributes of a name are what this writer would give it."""
        return (
            found.st_mtime_ns == entry.mtime_ns
            and (entry.kind == "symlink" or stat.S_IMODE(found.st_mode) == self._mode(entry))
            and (not self._owner or (found.st_uid, found.st_gid) == self._numbers(entry))
            and self._attributes_agree(self._attributes.of_name(directory_fd, name, found.st_dev), entry.xattrs)
        )

    def _mode(self, entry: Entry) -> int:
        if self._owner or entry.kind == "directory" or not entry.mode & _SET_ID:
            return entry.mode
        self._tell_once(_set_id_left_out(entry.path))
        return entry.mode & ~_SET_ID

    def _numbers(self, entry: Entry) -> tuple[int, int]:
        return self._owners.numbers(entry.uid, entry.gid, entry.user, entry.group)

    def _change_owner(self, fd: int, entry: Entry) -> bool:
        try:
            os.fchown(fd, *self._numbers(entry))
        except OSError as error:
            self._owner_refused(entry, error)
            return False
        return True

    def _owner_refused(self, entry: Entry, error: OSError) -> None:
        if error.errno not in _REFUSALS:
            raise error
        self._tell_once(_owner_not_kept(entry.path))

    def _attributes_agree(self, found: Pairs, wanted: Pairs) -> bool:
        if found == wanted:
            return True
        missing = {name for name, _ in set(wanted) - set(found) if _family(name) not in self._refused}
        return not missing and not any(name.startswith(_OURS_TO_REMOVE) for name, _ in set(found) - set(wanted))

    if sys.platform == "linux":

        def _apply_attributes(self, where: int | bytes, entry: Entry, found: Pairs) -> None:
            follow = isinstance(where, int)
            wanted = dict(entry.xattrs)
            for name, value in found:
                if name not in wanted and name.startswith(_OURS_TO_REMOVE):
                    os.removexattr(where, name, follow_symlinks=follow)
                elif wanted.get(name) == value:
                    del wanted[name]
            for name, value in wanted.items():
                if _family(name) in self._refused:
                    continue
                try:
                    os.setxattr(where, name, value, follow_symlinks=follow)
                except OSError as error:
                    if error.errno in _REFUSALS:
                        self._refused.add(_family(name))
                        self._tell_once(_attributes_not_kept(entry.path, _family(name)))
                    elif error.errno in _TOO_MUCH:
                        # Room for attributes is small and its own; a full disk shows when content is written.
                        self._on_trouble(_attribute_too_large(entry.path, name))
                    else:
                        raise

    else:

        def _apply_attributes(self, where: int | bytes, entry: Entry, found: Pairs) -> None:
            if entry.xattrs:
                self._tell_once(_attributes_not_kept(entry.path, b"all"))

    def _tell_once(self, finding: Finding) -> None:
        key = finding.code + finding.message
        if key not in self._told:
            self._told.add(key)
            self._on_trouble(finding)


def drop_default_acl(directory_fd: int) -> None:
    """Keep a new tree's root from handing an ACL down to everything in it; its own entry may set one at the end."""
    if sys.platform == "linux":
        try:
            os.removexattr(directory_fd, ACL_DEFAULT)
        except OSError as error:
            if error.errno not in (errno.ENODATA, errno.ENOTSUP, errno.EPERM, errno.EACCES, errno.EINVAL):
                raise


def _family(name: bytes) -> bytes:
    """The namespace, within which a filesystem or user may do all or nothing; ACLs are one by themselves."""
    return name.split(b".", 1)[0]


def _attributes_not_kept(path: bytes, family: bytes) -> Finding:
    return Finding(
        Level.WARNING,
        "attributes-not-kept",
        show(path),
        f"extended attributes of the kind {family.decode('ascii', 'replace')!r} cannot be set here; none of them are restored",
        "if ACLs or attributes matter, restore as root to ext4, XFS or another filesystem that keeps them",
    )


def _attribute_too_large(path: bytes, name: bytes) -> Finding:
    return Finding(
        Level.WARNING,
        "attribute-too-large",
        show(path),
        f"the attribute {show(name)} is larger than this filesystem keeps",
        "restore to the kind of filesystem it came from if it matters",
    )


def _owner_not_kept(path: bytes) -> Finding:
    return Finding(
        Level.WARNING,
        "owner-not-kept",
        show(path),
        "owners cannot be set here; restored files may belong to whoever runs the restore",
        "restore as root outside of user namespaces and squashed network mounts",
    )


def _set_id_left_out(path: bytes) -> Finding:
    return Finding(
        Level.WARNING,
        "set-id-left-out",
        show(path),
        "setuid and setgid bits are left out, because owners are not restored",
        "restore as root to get both back",
    )
