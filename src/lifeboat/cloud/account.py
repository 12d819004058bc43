"""The account around the bucket: who is root, whose credentials these are, what is public by default. Advice: nothing is changed here."""

from lifeboat.cloud.bucket.closed import BLOCKS
from lifeboat.cloud.errors import CloudMissing, CloudNotOffered, code_of, in_cloud_words
from lifeboat.cloud.session import EVERYWHERE, Aws
from lifeboat.cloud.steps import Difference, Looked
from lifeboat.foundation.clock import Clock

KEY_DAYS_AT_MOST = 90
"""CIS AWS Foundations Benchmark 1.14: access keys are exchanged within 90 days."""


class Advice:
    """About the account: looked at where that is allowed, arranged by a person."""

    name = ""
    title = ""
    why = ""
    after: tuple[str, ...] = ()
    is_advice = True

    def __init__(self, aws: Aws) -> None:
        self.aws = aws

    def carry_out(self) -> None:
        """A person does it."""


class RootUser(Advice):
    """The root user signs in with a second factor and has no access keys."""

    name = "root-user"
    title = "the account's root user"
    why = "root may delete the bucket, the backups and every right; a password alone is too little, and a key of root can be stolen"

    def look(self) -> Looked:
        with in_cloud_words("iam", "look at the account's root user"):
            found = self.aws.client("iam", EVERYWHERE).get_account_summary()["SummaryMap"]
        differences = []
        if not found.get("AccountMFAEnabled"):
            differences.append(Difference("second factor (MFA)", "none", "one"))
        if found.get("AccountAccessKeysPresent"):
            differences.append(Difference("access keys of root", "there are", "none"))
        if differences:
            by_hand = "sign in as root, open Security credentials: assign an MFA device, delete the access keys"
            return Looked(tuple(differences), only_by_hand=by_hand)
        return Looked(said="signs in with a second factor and has no access keys")


class Credentials(Advice):
    """The credentials at hand are not root's, and no key that was never changed."""

    name = "credentials"
    title = "the credentials at hand"
    why = "a key that is never changed is still valid in ten years, for whoever has copied it once"

    def __init__(self, aws: Aws, clock: Clock) -> None:
        super().__init__(aws)
        self._clock = clock

    def look(self) -> Looked:
        kind, name = _who(self.aws.caller())
        if kind == "root":
            by_hand = "make a user or a role with the rights of `lifeboat aws policy`, use its key here, delete the key of root"
            return Looked((Difference("credentials", "the root user's", "a user's or a role's"),), only_by_hand=by_hand)
        if kind != "user":
            return Looked(said=f"a role ({name}): they expire by themselves")
        days = self._oldest_key_days(name)
        if days is None:
            return Looked(said=f"a key of the user {name}, of unknown age; on AWS's machines a role needs no key")
        if days > KEY_DAYS_AT_MOST:
            by_hand = (
                f"make a new one (`aws iam create-access-key --user-name {name}`), use it, delete the old one; "
                "on AWS's machines a role needs no key"
            )
            wanted = f"{KEY_DAYS_AT_MOST} days at most"
            return Looked((Difference(f"oldest key of {name}", f"{days} days old", wanted),), only_by_hand=by_hand)
        return Looked(said=f"a key of the user {name}, {days} days old; on AWS's machines a role needs no key")

    def _oldest_key_days(self, user: str) -> int | None:
        try:
            with in_cloud_words("iam", f"look at the keys of {user}"):
                keys = self.aws.client("iam", EVERYWHERE).list_access_keys(UserName=user)["AccessKeyMetadata"]
        except CloudMissing as error:
            if code_of(error.__cause__) != "NoSuchEntity":
                raise
            return None
        active = [one["CreateDate"] for one in keys if one.get("Status") == "Active"]
        return (self._clock.now() - min(active)).days if active else None


class AccountPublicAccess(Advice):
    """No bucket of the account can be made public."""

    name = "account-public-access"
    title = "no public access in the account"
    why = "set for the account, it holds for buckets that somebody makes later, too"

    def look(self) -> Looked:
        if not self.aws.is_amazon:
            raise CloudNotOffered("only Amazon can be asked what holds for a whole account")
        account = self.aws.account()
        try:
            with in_cloud_words("s3control", "look at the account's public access block"):
                answer = self.aws.client("s3control", self.aws.region or EVERYWHERE).get_public_access_block(
                    AccountId=account
                )
            now = answer["PublicAccessBlockConfiguration"]
        except CloudMissing:
            now = {}
        missing = [words for name, words in BLOCKS.items() if not now.get(name)]
        if not missing:
            return Looked(said="all four blocks are on")
        by_hand = (
            "if no bucket of the account is public on purpose: `aws s3control put-public-access-block "
            f"--account-id {account} --public-access-block-configuration "
            "BlockPublicAcls=true,IgnorePublicAcls=true,BlockPublicPolicy=true,RestrictPublicBuckets=true`"
        )
        return Looked(
            (Difference("blocks for the account", f"{4 - len(missing)} of 4", "4 of 4"),), only_by_hand=by_hand
        )


def _who(arn: str) -> tuple[str, str]:
    """``("user", "backup")``, ``("assumed-role", "ci/session")``, ``("root", "")``."""
    kind, _, name = arn.rsplit(":", 1)[-1].partition("/")
    return kind, name.rsplit("/", 1)[-1] if kind == "user" else name
