"""A store that enforces the rights of a role (``repository/roles.py``), as a bucket's policies do."""

import re

from lifeboat.storage.errors import ContentRefused, StorageDenied


def matches(patterns, name):
    """As ``StringLike`` and resources of policies: ``*`` stands for any characters, slashes too."""
    return any(re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), name) for pattern in patterns)


class PolicedStore:
    """Lets through what the rights say; counts what it refused.

    Args:
        rights: A ``Rights``.
        versions: Whether deleted objects could be brought back.
    """

    def __init__(self, inner, rights, versions=True):
        self._inner = inner
        self._rights = rights
        self._versions = versions
        self.refused = []

    def write(self, name, content):
        self._check("s3:PutObject", self._rights.write, name)
        self._inner.write(name, content)

    def read(self, name, span=None):
        self._check("s3:GetObject", self._rights.read, name)
        return self._inner.read(name, span)

    def list_under(self, prefix):
        self._check("s3:ListBucket", self._rights.list_under, prefix)
        yield from self._inner.list_under(prefix)

    def delete(self, name):
        self._check("s3:DeleteObject", self._rights.delete, name)
        self._inner.delete(name)

    def time_there(self):
        return self._inner.time_there()

    def describe(self):
        return self._inner.describe()

    def write_with_wrong_hash(self, name, content, over=False):
        self._check("s3:PutObject", self._rights.write, name)
        raise ContentRefused(f"{name}: another hash")

    def write_over(self, name, content):
        self._check("s3:PutObject", self._rights.write, name)
        self._inner.delete(name)
        self._inner.write(name, content)

    def delete_a_version(self, name):
        self._check("s3:DeleteObjectVersion", (), name)

    def keeps_versions(self, name, content):
        return self._versions

    def on_this_machine(self):
        return False

    def _check(self, right, patterns, name):
        if not matches(patterns, name):
            self.refused.append((right, name))
            raise StorageDenied(f"cannot use {name}: the right {right} is missing", "does a policy refuse it?")
