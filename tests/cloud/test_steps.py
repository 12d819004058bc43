"""The frame: nothing is called done that another look does not show, and one failure does not hide the others."""

from dataclasses import dataclass, field

import pytest
from moto_aws import MotoAws

from lifeboat.cloud.errors import CloudDenied, CloudMissing, CloudNotOffered, in_cloud_words
from lifeboat.cloud.session import Aws, AwsAccess
from lifeboat.cloud.steps import Difference, Looked, State, carry_out, look_at
from lifeboat.foundation.secret import Secret


@dataclass
class Valve:
    """Something that is open or shut."""

    name: str
    is_open: bool = False
    after: tuple[str, ...] = ()
    stuck: bool = False
    refuses: Exception | None = None
    by_hand: str = ""
    turned: list[str] = field(default_factory=list)
    title: str = "a valve"
    why: str = "water"

    def look(self) -> Looked:
        if self.is_open:
            return Looked(said="open")
        return Looked((Difference("valve", "shut", "open"),), only_by_hand=self.by_hand)

    def carry_out(self) -> None:
        self.turned.append(self.name)
        if self.refuses:
            raise self.refuses
        self.is_open = self.is_open or not self.stuck


def test_looking_changes_nothing() -> None:
    valves = [Valve("a"), Valve("b", is_open=True)]
    assert [one.state for one in look_at(valves)] == [State.DIFFERS, State.AS_WANTED]
    assert not valves[0].is_open and not valves[0].turned


def test_what_differs_is_changed_once_and_a_second_run_changes_nothing() -> None:
    valves = [Valve("a"), Valve("b", is_open=True)]
    assert [one.state for one in carry_out(valves)] == [State.CHANGED, State.AS_WANTED]
    assert [one.state for one in carry_out(valves)] == [State.AS_WANTED, State.AS_WANTED]
    assert valves[0].turned == ["a"] and not valves[1].turned


def test_a_change_that_does_not_show_is_a_failure() -> None:
    [report] = carry_out([Valve("a", stuck=True)])
    assert report.state is State.FAILED and "still otherwise" in report.said


def test_a_missing_right_is_named_and_only_what_needs_it_waits() -> None:
    denied = CloudDenied("no", "", "s3:PutBucketVersioning")
    valves = [Valve("a", refuses=denied), Valve("b", after=("a",)), Valve("c")]
    reports = carry_out(valves)
    assert [one.state for one in reports] == [State.DENIED, State.WAITS, State.CHANGED]
    assert reports[0].right == "s3:PutBucketVersioning" and not valves[1].turned


def test_what_only_a_person_can_do_is_told_and_left() -> None:
    valve = Valve("a", by_hand="turn it")
    [report] = carry_out([valve])
    assert report.state is State.DIFFERS and report.by_hand and report.hint == "turn it" and not valve.turned


def test_not_offered_is_not_well() -> None:
    [report] = carry_out([Valve("a", refuses=CloudNotOffered("no"))])
    assert report.state is State.NOT_OFFERED and not report.is_well


def session(aws: MotoAws, keys: tuple[str, str]) -> Aws:
    return Aws(AwsAccess(aws.region, aws.endpoint_url, Secret(keys[0]), Secret(keys[1])))


def test_the_right_is_named_by_a_real_refusal(aws: MotoAws) -> None:
    aws.make_bucket("town")
    keys = aws.make_user("nobody")
    aws.enforce()
    client = session(aws, keys).client("s3")
    with pytest.raises(CloudDenied) as caught, in_cloud_words("s3", "look at age rules"):
        client.get_bucket_lifecycle_configuration(Bucket="town")
    assert caught.value.right == "s3:GetLifecycleConfiguration"
    assert "the right s3:GetLifecycleConfiguration is missing" in caught.value.message


def test_what_is_not_there_is_told_as_missing(aws: MotoAws) -> None:
    aws.make_bucket("town")
    client = session(aws, ("root", "root-secret")).client("s3")
    with pytest.raises(CloudMissing), in_cloud_words("s3", "look at age rules"):
        client.get_bucket_lifecycle_configuration(Bucket="town")


def test_whose_credentials(aws: MotoAws) -> None:
    assert session(aws, ("root", "root-secret")).account() == "123456789012"
