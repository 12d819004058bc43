"""What else is with the bucket: other things in it, and unusual settings. Told, and left alone."""

from lifeboat.cloud.bucket.calls import BucketCalls
from lifeboat.cloud.bucket.step import BucketStep
from lifeboat.cloud.errors import CloudError
from lifeboat.cloud.steps import Looked

OUR_FOLDERS = ("config/", "keys/", "catalog/", "mongodb/", "files/")
NAMED_AT_MOST = 4


class Shared(BucketStep):
    """Says whether something else lies in the bucket: what is set for the bucket holds for it as well."""

    name = "shared"
    title = "what else lies in the bucket"
    why = "everything here is set for the whole bucket, and holds for what others keep in it as well"
    is_advice = True

    def __init__(self, calls: BucketCalls, prefix: str) -> None:
        super().__init__(calls)
        self._prefix = prefix

    def look(self) -> Looked:
        answer = self.calls.look("list_objects_v2", "look at the top", Delimiter="/", MaxKeys=1000) or {}
        found = [one["Prefix"] for one in answer.get("CommonPrefixes", [])]
        found += [one["Key"] for one in answer.get("Contents", [])]
        ours = (f"{self._prefix.split('/')[0]}/",) if self._prefix else OUR_FOLDERS
        others = [one for one in found if one not in ours]
        if not others:
            return Looked(said="nothing but the repository")
        named = ", ".join(others[:NAMED_AT_MOST]) + (" and more" if len(others) > NAMED_AT_MOST else "")
        return Looked(
            said=f"also {named}",
            only_by_hand="what is set here holds for these as well: are they meant? A bucket of its own is simpler",
        )

    def change(self) -> None:
        """Nothing is arranged here."""


class Unusual(BucketStep):
    """Says what else is switched on that a bucket of backups seldom needs."""

    name = "unusual"
    title = "other settings"
    why = "a bucket of backups serves no web pages and no browsers"
    is_advice = True

    LOOKS: tuple[tuple[str, str, list[str], str], ...] = (
        ("get_bucket_website", "a web site", ["NoSuchWebsiteConfiguration"], "IndexDocument"),
        ("get_bucket_cors", "access by browsers (CORS)", ["NoSuchCORSConfiguration"], "CORSRules"),
        (
            "get_bucket_replication",
            "replication",
            ["ReplicationConfigurationNotFoundError"],
            "ReplicationConfiguration",
        ),
        ("get_bucket_accelerate_configuration", "transfer acceleration, which costs extra", [], "Status"),
    )

    def look(self) -> Looked:
        found, refused = [], None
        for operation, words, absent, key in self.LOOKS:
            try:
                answer = self.calls.look(operation, "look at other settings", absent) or {}
            except CloudError as error:
                refused = error
                continue
            if answer.get(key) not in (None, [], "Suspended"):
                found.append(words)
        try:
            payer = (self.calls.look("get_bucket_request_payment", "look at who pays") or {}).get("Payer")
            found += ["whoever asks pays (Requester Pays)"] if payer == "Requester" else []
        except CloudError as error:
            refused = error
        if refused is not None and not found:
            raise refused
        return Looked(said=f"switched on: {'; '.join(found)}. Meant?" if found else "nothing unusual")

    def change(self) -> None:
        """Nothing is arranged here."""
