"""The bucket's policy: our statements are in it, those of others stay."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from lifeboat.cloud.bucket.calls import BucketCalls
from lifeboat.cloud.bucket.statements import (
    Statement,
    accounts_let_in,
    asks_for_tls,
    canonical,
    merge,
    missing,
    name_of,
    opens_to_all,
    statements_in,
)
from lifeboat.cloud.bucket.step import NOT_THERE, BucketStep
from lifeboat.cloud.errors import CloudNotOffered, CloudRefused
from lifeboat.cloud.policies import LARGEST_BUCKET_POLICY_BYTES, VERSION
from lifeboat.cloud.steps import Difference, Looked
from lifeboat.foundation.errors import SettingsError

MEANT = {
    "EncryptedConnectionsOnly": "refuse what comes without TLS",
    "NoOutdatedEncryption": "refuse TLS older than 1.2",
    "WrittenOnce": "refuse to replace what is named by its hash",
    "PacksAreLocked": "refuse packs without a lock",
    "NoEndlessLocks": "refuse locks that are longer than meant",
    "CustodiansDelete": "let nobody delete but the custodians",
    "VersionsStay": "let nobody at all remove older versions",
    "LocksStay": "let nobody remove what is locked",
    "S3ServerAccessLogs": "let S3 write the access log",
}


class BucketPolicy(BucketStep):
    """Each statement of the wanted policy stands in the bucket's."""

    name = "policy"
    title = "the bucket's own policy"
    why = "it binds everybody, whatever rights a thief finds: encrypted connections only, and what is written is never replaced"

    def __init__(self, calls: BucketCalls, wanted: Mapping[str, Any]) -> None:
        super().__init__(calls)
        asked_for: Sequence[Statement] = wanted["Statement"]
        # Who asks for TLS where he comes without would shut himself out, and could not even take the policy back.
        self._wanted = [one for one in asked_for if calls.aws.uses_tls or not asks_for_tls(one)]
        self._said = "" if calls.aws.uses_tls else "; TLS is not asked for: this server is reached by http://"

    def look(self) -> Looked:
        now = statements_of(self.calls)
        differences = tuple(
            Difference(
                f"{MEANT.get(str(one['Sid']), 'statement')} ({one['Sid']})",
                "otherwise" if stands else NOT_THERE,
                "as `lifeboat aws policy bucket` prints it" if stands else "in the policy",
            )
            for one, stands in missing(now, self._wanted)
        )
        ours = {canonical(one) for one in self._wanted}
        others = [name_of(one) for one in now if canonical(one) not in ours]
        beside = f"; {len(others)} of others stay as they are: {', '.join(others)}" if others else ""
        return Looked(differences, said=f"all {len(self._wanted)} statements are there{self._said}{beside}")

    def change(self) -> None:
        policy = {"Version": VERSION, "Statement": merge(statements_of(self.calls), self._wanted)}
        text = json.dumps(policy, separators=(",", ":"))
        if len(text.encode()) > LARGEST_BUCKET_POLICY_BYTES:
            raise SettingsError(
                f"the policy of {self.calls.bucket} would be larger than S3 takes, with all that others have in it",
                "keep backups in a bucket of their own",
            )
        try:
            self.calls.change("put_bucket_policy", "set the policy", Policy=text)
        except CloudRefused as error:
            if self.calls.aws.is_amazon:
                raise
            raise CloudNotOffered(
                f"the server at this address does not take such a policy for {self.calls.bucket}", error.hint
            ) from error


class Strangers(BucketStep):
    """No statement of somebody else lets everybody in."""

    name = "strangers"
    title = "nobody else is let in"
    why = "a statement that allows everybody, or another account, hands the backups out"

    def look(self) -> Looked:
        now = statements_of(self.calls)
        opened = [one for one in now if opens_to_all(one)]
        differences = tuple(Difference(f"statement {name_of(one)}", "lets everybody in", "gone") for one in opened)
        accounts = sorted(set().union(*(accounts_let_in(one, self.calls.owner) for one in now)))
        said = f"the policy lets in other accounts: {', '.join(accounts)}. Are they yours?" if accounts else ""
        by_hand = "who put it there? take it out: `aws s3api get-bucket-policy`, then `put-bucket-policy` without it"
        if differences:
            return Looked(differences, only_by_hand=by_hand)
        return Looked(said=said or "the policy allows nothing to other accounts")

    def change(self) -> None:
        """Whose statement it is has to be found out first."""


def statements_of(calls: BucketCalls) -> list[Statement]:
    """The bucket's policy as it is; empty where there is none."""
    answer = calls.look("get_bucket_policy", "look at the policy", ["NoSuchBucketPolicy"])
    if answer is None or not answer.get("Policy"):
        return []
    return statements_in(answer["Policy"])
