"""Tags of the bucket: ours are set, what others put there stays."""

from collections.abc import Mapping

from lifeboat.cloud.bucket.calls import BucketCalls
from lifeboat.cloud.bucket.step import NOTHING, BucketStep
from lifeboat.cloud.steps import Difference, Looked


class Tags(BucketStep):
    """Each tag of the settings is on the bucket."""

    name = "tags"
    title = "tags"
    why = "the bill and the budget tell Lifeboat's cost from the rest by them"

    def __init__(self, calls: BucketCalls, wanted: Mapping[str, str]) -> None:
        super().__init__(calls)
        self._wanted = dict(wanted)

    def look(self) -> Looked:
        now = self._now()
        differences = tuple(
            Difference(f"tag {name}", now.get(name, NOTHING), value)
            for name, value in self._wanted.items()
            if now.get(name) != value
        )
        others = [name for name in now if name not in self._wanted]
        said = ", ".join(f"{name}={value}" for name, value in self._wanted.items()) or "none asked for"
        return Looked(differences, said=said + (f"; {len(others)} of others" if others else ""))

    def change(self) -> None:
        tags = [{"Key": name, "Value": value} for name, value in {**self._now(), **self._wanted}.items()]
        self.calls.change("put_bucket_tagging", "set tags", Tagging={"TagSet": tags})

    def _now(self) -> dict[str, str]:
        answer = self.calls.look("get_bucket_tagging", "look at the tags", ["NoSuchTagSet"]) or {}
        return {one["Key"]: one["Value"] for one in answer.get("TagSet", [])}
