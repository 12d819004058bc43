"""Whether a directory lies on this machine or on a share of another.

Limits: knows Linux's table of mounts; elsewhere, and where in doubt, a directory counts as this machine's own,
which is the answer that warns.
"""

from pathlib import Path

NETWORK_KINDS = frozenset(
    (
        *("9p", "afs", "beegfs", "ceph", "cifs", "davfs", "glusterfs", "gpfs", "lustre", "nfs", "nfs4", "ocfs2"),
        *("smb3", "smbfs", "fuse.ceph", "fuse.davfs", "fuse.glusterfs", "fuse.mount-s3", "fuse.rclone", "fuse.s3fs"),
        "fuse.sshfs",
    )
)


def lies_on_network(directory: Path, table: Path = Path("/proc/self/mountinfo")) -> bool:
    """Look the directory up in the table of mounts; the longest mount point above it counts."""
    try:
        lines = table.read_text("utf-8", "surrogateescape").splitlines()
    except OSError:
        return False
    resolved = directory.resolve()
    deepest, kind = 0, ""
    for line in lines:
        before, _, after = line.partition(" - ")
        point = Path(_plain(before.split(" ")[4]))
        if resolved.is_relative_to(point) and len(point.parts) >= deepest:
            deepest, kind = len(point.parts), after.split(" ")[0]
    return kind in NETWORK_KINDS


def _plain(field: str) -> str:
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        field = field.replace(code, character)
    return field
