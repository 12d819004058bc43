"""Who is made in IAM, and what they are called. Pure.

Names say the repository and the role, so that whoever finds one in the account knows what it is for, and no two repositories share one.
"""

import hashlib
import re
from collections.abc import Iterable
from typing import Literal

from lifeboat.cloud.policies import Place, Policy, role_policy
from lifeboat.foundation.value import Value
from lifeboat.repository.roles import Role

LONGEST_CHARACTERS = 64
"""Of the name of a user or role."""
Kind = Literal["user", "role"]


class Person(Value):
    """A user, or a role that somebody trusted takes on.

    Args:
        role: What the machine is for. machine: Of a writer, what it is called.
        trusted: Of a role: ARN of who may take it on, or name of a service such as ``ec2.amazonaws.com``.
    """

    name: str
    kind: Kind
    role: Role
    policy: Policy
    machine: str = ""
    trusted: str = ""

    @property
    def title(self) -> str:
        """In plain words: ``"the writer shop-1"``."""
        return "the simple machine" if self.role is Role.SIMPLE else f"the {self.role} {self.machine}".rstrip()

    @property
    def step(self) -> str:
        """Permanent, for names of steps."""
        return f"{self.role}-{slug(self.machine)}".rstrip("-")


def people(
    place: Place,
    profile: str,
    writers: Iterable[tuple[str, str]],
    *,
    kind: Kind = "user",
    trusted: str = "",
    only: Iterable[Role] = (),
) -> list[Person]:
    """Everybody whom the profile has.

    Args:
        writers: Name and id (hex) of each, the oldest first: of one name the newest counts.
        only: Roles to leave it at; empty: all of the profile.
    """
    chosen = set(only) or set(Role)
    if profile == "simple":
        wanted = [(Role.SIMPLE, "", "")]
    else:
        wanted = [(Role.WRITER, name, writer) for name, writer in sorted(dict(writers).items())]
        wanted += [(Role.KEEPER, "", ""), (Role.CUSTODIAN, "", "")]
    return [
        Person(name_of(place, role, machine), kind, role, role_policy(role, place, writer), machine, trusted)
        for role, machine, writer in wanted
        if role in chosen
    ]


def name_of(place: Place, role: Role, machine: str = "") -> str:
    """``lifeboat-my-backups-writer-shop-1``; what is too long is cut, and ends in a hash of the whole."""
    name = "-".join(part for part in ("lifeboat", slug(f"{place.bucket}-{place.prefix}"), role, slug(machine)) if part)
    plain = "\n".join((place.bucket, place.prefix, role, machine))
    if len(name) <= LONGEST_CHARACTERS and slug(machine) == machine:
        return name
    short = hashlib.sha256(plain.encode()).hexdigest()[:8]
    return f"{name[: LONGEST_CHARACTERS - 9].rstrip('-')}-{short}"


def slug(text: str) -> str:
    """Letters, digits and single hyphens: what every kind of name takes."""
    return re.sub(r"[^A-Za-z0-9.]+", "-", text).strip("-")
