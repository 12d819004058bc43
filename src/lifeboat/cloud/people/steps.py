"""Steps that make users and roles, give each its policy and nothing else, and keys where they were asked for.

Limits: what somebody gave one of them besides is named, and taken away by a person; keys are never replaced or removed.
"""

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Protocol
from urllib.parse import unquote

from lifeboat.cloud.bucket.statements import canonical
from lifeboat.cloud.errors import CloudMissing, in_cloud_words
from lifeboat.cloud.people.person import Person
from lifeboat.cloud.policies import VERSION, Policy
from lifeboat.cloud.session import EVERYWHERE, Aws
from lifeboat.cloud.steps import Difference, Looked, Step
from lifeboat.foundation.secret import Secret

VERSIONS_AT_MOST = 5
"""Of one managed policy; the oldest makes room for a new one."""
NOT_THERE = "nothing"


class KeepsKeys(Protocol):
    """Where access keys go; the secret is seen nowhere else."""

    def place_of(self, person: Person) -> str:
        """For people: the file's path."""
        ...

    def begin(self, person: Person) -> Callable[[str, Secret], None]:
        """Make sure there is room for them, before any are made; returns what writes id and secret. Raises ``SettingsError``."""
        ...


def people_steps(aws: Aws, people: Sequence[Person], keys: KeepsKeys | None) -> list[Step]:
    """All steps. Args: keys: where access keys of users go that have none yet; None: none are made."""
    steps: list[Step] = []
    for person in people:
        steps += [PolicyStep(aws, person), PersonStep(aws, person), NothingElse(aws, person)]
        if keys is not None and person.kind == "user":
            steps.append(KeyStep(aws, person, keys))
    return steps


class _IamStep:
    """What they share."""

    name = title = why = ""
    after: tuple[str, ...] = ()

    def __init__(self, aws: Aws, person: Person) -> None:
        self.aws, self.person = aws, person

    @property
    def iam(self) -> Any:
        return self.aws.client("iam", EVERYWHERE)

    @property
    def policy_arn(self) -> str:
        return f"arn:aws:iam::{self.aws.account()}:policy/{self.person.name}"

    @property
    def named(self) -> dict[str, str]:
        """How IAM's calls name the person."""
        return {"UserName" if self.person.kind == "user" else "RoleName": self.person.name}


class PolicyStep(_IamStep):
    """The managed policy says exactly what the role needs."""

    def __init__(self, aws: Aws, person: Person) -> None:
        super().__init__(aws, person)
        self.name = f"policy-{person.step}"
        self.title = f"the policy of {person.title}"
        self.why = "it says what this machine may do, and so what a thief of it can do"

    def look(self) -> Looked:
        now = self._now()
        if now is None:
            return Looked((Difference(f"policy {self.person.name}", NOT_THERE, "there"),))
        wanted = {canonical(one): str(one["Sid"]) for one in self.person.policy["Statement"]}
        said = {canonical(one): str(one.get("Sid", "without a name")) for one in _statements(now)}
        lacking = [
            Difference(f"statement {name}", "missing or otherwise", "there")
            for text, name in wanted.items()
            if text not in said
        ]
        more = [Difference(f"statement {name}", "there", "gone") for text, name in said.items() if text not in wanted]
        return Looked((*lacking, *more), said=f"{self.person.name}: {len(wanted)} statements, no more")

    def carry_out(self) -> None:
        text = json.dumps(self.person.policy, separators=(",", ":"))
        with in_cloud_words("iam", f"write the policy {self.person.name}"):
            try:
                versions = self.iam.list_policy_versions(PolicyArn=self.policy_arn)["Versions"]
            except self.iam.exceptions.NoSuchEntityException:
                self.iam.create_policy(PolicyName=self.person.name, PolicyDocument=text)
                return
            old = sorted((one for one in versions if not one["IsDefaultVersion"]), key=lambda one: one["CreateDate"])
            if len(versions) >= VERSIONS_AT_MOST:
                self.iam.delete_policy_version(PolicyArn=self.policy_arn, VersionId=old[0]["VersionId"])
            self.iam.create_policy_version(PolicyArn=self.policy_arn, PolicyDocument=text, SetAsDefault=True)

    def _now(self) -> Policy | None:
        with suppress(CloudMissing), in_cloud_words("iam", f"look at the policy {self.person.name}"):
            version = self.iam.get_policy(PolicyArn=self.policy_arn)["Policy"]["DefaultVersionId"]
            found = self.iam.get_policy_version(PolicyArn=self.policy_arn, VersionId=version)["PolicyVersion"][
                "Document"
            ]
            document: Policy = json.loads(unquote(found)) if isinstance(found, str) else found
            return document
        return None


class PersonStep(_IamStep):
    """The user or role is there, trusted by whom it should be, and has its policy."""

    def __init__(self, aws: Aws, person: Person) -> None:
        super().__init__(aws, person)
        self.name = f"{person.kind}-{person.step}"
        self.title = f"the {person.kind} of {person.title}"
        self.why = "each machine has credentials of its own, so that those of a stolen one can be taken away alone"
        self.after = (f"policy-{person.step}",)

    def look(self) -> Looked:
        now = self._now()
        attached = Difference(f"its policy {self.person.name}", "not attached", "attached")
        if now is None:
            return Looked((Difference(f"{self.person.kind} {self.person.name}", NOT_THERE, "there"), attached))
        found = []
        if self.person.kind == "role" and not _same_trust(now, self.person.trusted):
            found.append(Difference("who may take it on", "somebody else", self.person.trusted))
        if self.policy_arn not in attached_policies(self):
            found.append(attached)
        return Looked(tuple(found), said=self.person.name)

    def carry_out(self) -> None:
        name, person = self.person.name, self.person
        now = self._now()
        with in_cloud_words("iam", f"make the {person.kind} {name}"):
            if person.kind == "role":
                text = json.dumps(trust_policy(person.trusted))
                if now is None:
                    self.iam.create_role(
                        RoleName=name, AssumeRolePolicyDocument=text, Description=f"Lifeboat: {person.title}"
                    )
                elif not _same_trust(now, person.trusted):
                    self.iam.update_assume_role_policy(RoleName=name, PolicyDocument=text)
            elif now is None:
                self.iam.create_user(UserName=name)
            attach = self.iam.attach_user_policy if person.kind == "user" else self.iam.attach_role_policy
            attach(**self.named, PolicyArn=self.policy_arn)

    def _now(self) -> dict[str, Any] | None:
        look = self.iam.get_user if self.person.kind == "user" else self.iam.get_role
        with suppress(CloudMissing), in_cloud_words("iam", f"look at the {self.person.kind} {self.person.name}"):
            answer = look(**self.named)
            found: dict[str, Any] = answer["User" if self.person.kind == "user" else "Role"]
            return found
        return None


class NothingElse(_IamStep):
    """No other rights were given to them."""

    def __init__(self, aws: Aws, person: Person) -> None:
        super().__init__(aws, person)
        self.name = f"nothing-else-{person.step}"
        self.title = f"no other rights of {person.title}"
        self.why = "one policy more, given in a hurry, and a thief of this machine can delete what he likes"
        self.after = (f"{person.kind}-{person.step}",)

    def look(self) -> Looked:
        found: list[str] = []
        with suppress(CloudMissing), in_cloud_words("iam", f"look at the rights of {self.person.name}"):
            found += [one for one in attached_policies(self) if one != self.policy_arn]
            look = self.iam.list_user_policies if self.person.kind == "user" else self.iam.list_role_policies
            found += [f"inline policy {one}" for one in look(**self.named)["PolicyNames"]]
            if self.person.kind == "user":
                groups = self.iam.list_groups_for_user(**self.named)["Groups"]
                found += [f"group {one['GroupName']}" for one in groups]
        by_hand = "who gave it, and what for? detach it in IAM, or make it a user of its own"
        return Looked(
            tuple(Difference(one, "given", "not given") for one in found), "its policy alone", by_hand if found else ""
        )

    def carry_out(self) -> None:
        """A person finds out first what it was for."""


class KeyStep(_IamStep):
    """The user has an access key; the one that is made goes into a file of its own, and nowhere else."""

    def __init__(self, aws: Aws, person: Person, keys: KeepsKeys) -> None:
        super().__init__(aws, person)
        self._keys = keys
        self.name = f"key-{person.step}"
        self.title = f"an access key of {person.title}"
        self.why = "a machine outside AWS can take on no role: it needs a key pair, in its .env"
        self.after = (f"user-{person.step}",)

    def look(self) -> Looked:
        there: list[dict[str, Any]] = []
        with suppress(CloudMissing), in_cloud_words("iam", f"look at the access keys of {self.person.name}"):
            there = self.iam.list_access_keys(**self.named)["AccessKeyMetadata"]
        if not there:
            return Looked((Difference("access key", "none", f"one, in {self._keys.place_of(self.person)}"),))
        ids = ", ".join(f"{one['AccessKeyId']} of {one['CreateDate']:%Y-%m-%d}" for one in there)
        return Looked(said=f"it has one: {ids}")

    def carry_out(self) -> None:
        write = self._keys.begin(self.person)
        with in_cloud_words("iam", f"make an access key for {self.person.name}"):
            made = self.iam.create_access_key(**self.named)["AccessKey"]
        write(made["AccessKeyId"], Secret(made["SecretAccessKey"]))


def attached_policies(step: _IamStep) -> list[str]:
    """ARNs of the managed policies that the person has."""
    with in_cloud_words("iam", f"look at the rights of {step.person.name}"):
        asks = "list_attached_user_policies" if step.person.kind == "user" else "list_attached_role_policies"
        pages = step.iam.get_paginator(asks).paginate(**step.named)
        return [one["PolicyArn"] for page in pages for one in page["AttachedPolicies"]]


def trust_policy(trusted: str) -> Policy:
    """Lets this principal, and nobody else, take the role on."""
    principal = {"Service": trusted} if trusted.endswith(".amazonaws.com") else {"AWS": trusted}
    return {
        "Version": VERSION,
        "Statement": [{"Sid": "TakeOn", "Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}],
    }


def _same_trust(role: dict[str, Any], trusted: str) -> bool:
    now = role.get("AssumeRolePolicyDocument", {})
    document = json.loads(unquote(now)) if isinstance(now, str) else now
    return [canonical(one) for one in _statements(document)] == [
        canonical(one) for one in trust_policy(trusted)["Statement"]
    ]


def _statements(policy: Policy) -> list[Policy]:
    found = policy.get("Statement", [])
    return found if isinstance(found, list) else [found]
