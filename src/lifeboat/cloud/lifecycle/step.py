"""Age rules as a step of what is arranged at AWS: compared rule by rule, put all at once, refused where the proof refuses."""

import shlex
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import Any

from lifeboat.cloud.errors import CloudMissing
from lifeboat.cloud.lifecycle.bucket import BucketRules, merged, put_rules, read_bucket
from lifeboat.cloud.lifecycle.presets import own_ids
from lifeboat.cloud.lifecycle.rules import Lifecycle, Rule, read_lifecycle
from lifeboat.cloud.lifecycle.validate import Refusal, validate
from lifeboat.cloud.lifecycle.words import what_it_does, what_it_means
from lifeboat.cloud.session import Aws
from lifeboat.cloud.steps import Difference, Looked
from lifeboat.foundation.errors import LifeboatError
from lifeboat.foundation.finding import Finding, Level
from lifeboat.foundation.value import Value


class LifecycleUnsafe(LifeboatError):
    """These age rules would remove or hide what is kept; nothing was changed."""

    code = "lifecycle-unsafe"


class LifecycleRefused(LifeboatError):
    """S3 would not take these age rules; nothing was changed."""

    code = "lifecycle-refused"


Prove = Callable[[Lifecycle, BucketRules], Sequence[Finding]]


class Wanted(Value):
    """The rules to have.

    Args:
        name: Of the set, or the file.
        own: Ids of all rules that count as ours.
        drop: Ids of somebody else's rules that are to go.
        without_expiry: The set's own expiry was left out, because of what the proof said.
    """

    name: str
    lifecycle: Lifecycle
    own: frozenset[str]
    drop: frozenset[str] = frozenset()
    without_expiry: tuple[Finding, ...] = ()

    def whole(self, there: BucketRules) -> dict[str, Any]:
        """Everything that will be in the bucket, as S3 takes it."""
        return merged(self.lifecycle, there, self.own, self.drop)

    def whole_rules(self, there: BucketRules) -> Lifecycle:
        return replace(read_lifecycle(self.whole(there)), minimum=there.lifecycle.minimum)


class LifecycleStep:
    """Age rules of the bucket.

    Args:
        wanted: Decides, given what the bucket says; it may depend on what is kept.
        prove: What the rules would do to what is kept; a problem among it stops the step.
    """

    name = "lifecycle"
    title = "age rules"
    why = "old copies move to cheaper classes and end one day; without them old versions are paid for for ever"
    after: tuple[str, ...] = ("bucket",)

    def __init__(self, aws: Aws, bucket: str, wanted: Callable[[BucketRules], Wanted | None], prove: Prove) -> None:
        self._aws, self._bucket = aws, bucket
        self._wanted, self._prove = wanted, prove

    def look(self) -> Looked:
        try:
            there = read_bucket(self._aws, self._bucket)
        except CloudMissing:
            there = BucketRules(Lifecycle())  # the bucket is made by the steps before
        wanted = self._wanted(there)
        if wanted is None:
            return Looked(said='none are arranged: lifecycle = "off"')
        problems = self._problems(wanted, there)
        differences = differences_of(wanted, there)
        if problems:
            # Also where ours are as wanted: another's rule beside them eats what is kept.
            shown = differences or (Difference("what is kept", "in danger", "left alone"),)
            return Looked(shown, only_by_hand=_by_hand(problems, wanted))
        said = f"the set {wanted.name}: {len(wanted.lifecycle.rules)} rules, and nothing that is kept is touched"
        return Looked(differences, said)

    def carry_out(self) -> None:
        """Read again, and put ours among what is there.

        Raises:
            LifecycleRefused
            LifecycleUnsafe
        """
        there = read_bucket(self._aws, self._bucket)
        wanted = self._wanted(there)
        if wanted is None or not differences_of(wanted, there):
            return
        whole = wanted.whole(there)
        if refusals := validate(whole):
            raise LifecycleRefused(
                f"S3 would not take them: {sentence(refusals[0])}", "`lifeboat aws lifecycle check FILE`"
            )
        if problems := self._problems(wanted, there):
            raise LifecycleUnsafe(
                f"{problems[0].subject} {problems[0].message}", "`lifeboat aws lifecycle check` has all reasons"
            )
        put_rules(self._aws, self._bucket, whole, there.lifecycle.minimum)

    def _problems(self, wanted: Wanted, there: BucketRules) -> list[Finding]:
        found = self._prove(wanted.whole_rules(there), there)
        return [one for one in found if one.level is Level.PROBLEM]


def differences_of(wanted: Wanted, there: BucketRules) -> tuple[Difference, ...]:
    """Rule by rule, ours and those that are to be dropped."""
    now = {one.id: one for one in there.ours(wanted.own)}
    then = {one.id: one for one in wanted.lifecycle.rules}
    found = [
        Difference(name, _words(now.get(name)), _words(then.get(name)))
        for name in (*then, *(one for one in now if one not in then))
        if now.get(name) != then.get(name)
    ]
    return (
        *found,
        *(Difference(one.id, _words(one), "nothing") for one in there.others(wanted.own) if one.id in wanted.drop),
    )


def sentence(refusal: Refusal) -> str:
    """``"rule a: InvalidArgument: 'Days' ..."``."""
    return f"{refusal.rule}: {refusal.code}: {refusal.said}" if refusal.rule else f"{refusal.code}: {refusal.said}"


def of_file(name: str, lifecycle: Lifecycle, prefix: str) -> Wanted:
    """Rules that somebody wrote himself, in place of a set of ours."""
    return Wanted(name, lifecycle, own_ids(prefix) | {one.id for one in lifecycle.rules})


def is_problem(findings: Collection[Finding]) -> bool:
    return any(one.level is Level.PROBLEM for one in findings)


def _by_hand(problems: Sequence[Finding], wanted: Wanted) -> str:
    first = f"{problems[0].subject} {problems[0].message}"
    more = f", and {len(problems) - 1} more" if len(problems) > 1 else ""
    names = {one.subject.removeprefix("age rule ") for one in problems} - wanted.own
    drop = " ".join(f"--drop {shlex.quote(one)}" for one in sorted(names) if " and " not in one)
    off = f"; `lifeboat aws lifecycle apply {drop}` takes it off" if drop else ""
    return f"nothing is put beside what eats copies: {first}{more}; see `lifeboat aws lifecycle check`{off}"


def _words(rule: Rule | None) -> str:
    return "nothing" if rule is None else f"{what_it_means(rule)}: {what_it_does(rule)}"
