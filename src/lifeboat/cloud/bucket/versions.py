"""What is deleted or overwritten stays: versions are kept, and some cannot be removed before their day."""

from lifeboat.cloud.bucket.calls import BucketCalls
from lifeboat.cloud.bucket.step import OFF, ON, BucketStep, switched
from lifeboat.cloud.steps import Difference, Looked

NO_LOCK = ("ObjectLockConfigurationNotFoundError", "NoSuchObjectLockConfiguration")


class Versioning(BucketStep):
    """Versions are kept. Never switched off again, whoever switched it on."""

    name = "versioning"
    title = "versions are kept"
    why = "what a thief or a mistake deletes or overwrites can be brought back; without it it is gone"

    def look(self) -> Looked:
        answer = self.calls.look("get_bucket_versioning", "look at versioning") or {}
        status = answer.get("Status", "")
        if answer.get("MFADelete") == "Enabled":
            by_hand = (
                "S3 takes no age rules on such a bucket, and no program can change it: the root user switches it off with "
                "`aws s3api put-bucket-versioning --mfa ...`; Object Lock does the same better"
            )
            return Looked((Difference("MFA delete", ON, OFF),), only_by_hand=by_hand)
        if status == "Enabled":
            return Looked(said="versioning is on")
        return Looked((Difference("versioning", status.lower() or OFF, ON),))

    def change(self) -> None:
        self.calls.change("put_bucket_versioning", "turn on versioning", VersioningConfiguration={"Status": "Enabled"})


class ObjectLock(BucketStep):
    """Object Lock is switched on in the bucket, or noted. It cannot be switched off again by anybody."""

    name = "object-lock"
    title = "packs can be locked"
    why = "a locked version cannot be deleted before its day by anybody who lacks a special right; in compliance mode by nobody at all"
    after = ("bucket", "versioning")

    def __init__(self, calls: BucketCalls, wanted: str) -> None:
        super().__init__(calls)
        self._wanted = wanted

    def look(self) -> Looked:
        answer = self.calls.look("get_object_lock_configuration", "look at Object Lock", NO_LOCK) or {}
        configuration = answer.get("ObjectLockConfiguration", {})
        is_on = configuration.get("ObjectLockEnabled") == "Enabled"
        default = (configuration.get("Rule") or {}).get("DefaultRetention") or {}
        if self._wanted == "off":
            return Looked(said=_not_asked_for(is_on, _period(default)))
        if not is_on:
            return Looked((Difference("Object Lock", switched(False), f"{ON}: it stays on for ever"),))
        if default:
            by_hand = (
                "Lifeboat locks each object until a day of its own; the default would lock all of it for longer, so that less "
                "could be erased. If nobody else needs it: `aws s3api put-object-lock-configuration` without a Rule"
            )
            return Looked((Difference("default retention", _period(default), "none"),), only_by_hand=by_hand)
        return Looked(said=f"on; packs are locked in {self._wanted} mode, each until a day of its own")

    def change(self) -> None:
        self.calls.change(
            "put_object_lock_configuration",
            "switch on Object Lock",
            ObjectLockConfiguration={"ObjectLockEnabled": "Enabled"},
        )


def _not_asked_for(is_on: bool, default: str) -> str:
    if not is_on:
        return 'off, as the settings say; `object_lock = "governance"` under [aws] switches it on'
    if default:
        return f"on, though the settings do not ask for it; everything written is locked for {default}: prune waits for that"
    return "on in the bucket, though the settings do not ask for it: nothing is locked"


def _period(default: dict[str, object]) -> str:
    if not default:
        return ""
    length = f"{default['Days']} days" if default.get("Days") else f"{default.get('Years', '?')} years"
    return f"{length} ({str(default.get('Mode', '')).lower()})"
