"""Nobody else gets in: the owner owns what lies there, and nothing in it is public."""

from lifeboat.cloud.bucket.step import NOTHING, BucketStep, switched
from lifeboat.cloud.steps import Difference, Looked

ENFORCED = "BucketOwnerEnforced"
BLOCKS = {
    "BlockPublicAcls": "refuse public access lists",
    "IgnorePublicAcls": "ignore public access lists",
    "BlockPublicPolicy": "refuse public policies",
    "RestrictPublicBuckets": "restrict what a public policy allows",
}


def all_blocks() -> dict[str, bool]:
    return dict.fromkeys(BLOCKS, True)


class Ownership(BucketStep):
    """Access lists are switched off: policies alone say who may do what."""

    name = "ownership"
    title = "access lists are off"
    why = "an access list on one object opens it whatever the policies say, and who wrote it would own it"

    def look(self) -> Looked:
        answer = self.calls.look(
            "get_bucket_ownership_controls", "look at the ownership", ["OwnershipControlsNotFoundError"]
        )
        rules = (answer or {}).get("OwnershipControls", {}).get("Rules", [])
        now = rules[0].get("ObjectOwnership", NOTHING) if rules else NOTHING
        if now == ENFORCED:
            return Looked(said="the bucket's owner owns everything in it")
        return Looked((Difference("object ownership", now, ENFORCED),))

    def change(self) -> None:
        self.calls.change(
            "put_bucket_ownership_controls",
            "switch off access lists",
            OwnershipControls={"Rules": [{"ObjectOwnership": ENFORCED}]},
        )


class PublicAccess(BucketStep):
    """All four blocks of public access are on."""

    name = "public-access"
    title = "no public access"
    why = "one wrong policy or access list would publish the backups; with this it is refused"

    def look(self) -> Looked:
        answer = self.calls.look(
            "get_public_access_block", "look at the public access block", ["NoSuchPublicAccessBlockConfiguration"]
        )
        now = (answer or {}).get("PublicAccessBlockConfiguration", {})
        missing = [(name, words) for name, words in BLOCKS.items() if not now.get(name)]
        if len(missing) == len(BLOCKS):
            return Looked((Difference("public access", "not blocked", "all four blocks on"),))
        differences = tuple(Difference(f"{words} ({name})", switched(False), switched(True)) for name, words in missing)
        return Looked(differences, said="all four blocks are on" if not missing else "")

    def change(self) -> None:
        self.calls.change("put_public_access_block", "block public access", PublicAccessBlockConfiguration=all_blocks())
