"""What S3 would refuse, in its words: every reason by an example, and every set of ours without one."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifeboat.cloud.lifecycle.presets import PRESETS, preset
from lifeboat.cloud.lifecycle.rules import write_lifecycle
from lifeboat.cloud.lifecycle.validate import read_json, validate
from lifeboat.retention.rules import Rules

CHECKLIST = Path(__file__).with_name("checklist-lifecycle.json")
GOOD: dict[str, Any] = {
    "ID": "a",
    "Status": "Enabled",
    "Filter": {"Prefix": "x/"},
    "Transitions": [{"Days": 30, "StorageClass": "STANDARD_IA"}, {"Days": 60, "StorageClass": "GLACIER"}],
    "Expiration": {"Days": 61},
}


def said(*rules: dict[str, Any]) -> list[tuple[str, str]]:
    return [(one.code, one.said) for one in validate({"Rules": list(rules)})]


def changed(**parts: Any) -> dict[str, Any]:
    rule = copy.deepcopy(GOOD) | parts
    return {name: value for name, value in rule.items() if value is not None}


def test_what_s3_takes() -> None:
    assert said(GOOD) == []
    assert said(changed(Filter={}), changed(ID="b")) == []
    assert said(changed(Filter=None, Prefix="")) == []
    [(code, text)] = said(GOOD, changed(ID="b", Filter=None, Prefix=""))
    assert code == "InvalidRequest" and "Base level prefix cannot be used in Lifecycle V2" in text
    dated = changed(
        Transitions=[{"Date": "2030-01-01T00:00:00Z", "StorageClass": "GLACIER"}],
        Expiration={"Date": "2030-01-02T00:00:00Z"},
    )
    assert said(dated) == []


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("rules", [Rules(), Rules(monthly=1), Rules(monthly=0, yearly=10)])
@pytest.mark.parametrize("expires", [True, False])
def test_every_set_of_ours_is_taken(name: str, rules: Rules, expires: bool) -> None:
    for prefix in ("", "shop/a"):
        assert validate(write_lifecycle(preset(name, prefix, rules, 35, expires=expires))) == ()


def test_the_checklists_own_json_is_refused_for_all_its_reasons() -> None:
    found = validate(read_json(CHECKLIST.read_text()))
    assert [(one.rule, one.code) for one in found] == [
        ("MongoDB-Retention-Policy", "ParamValidation"),
        ("Files-Retention-Policy", "ParamValidation"),
        ("MongoDB-Retention-Policy", "InvalidArgument"),
    ]
    assert 'Unknown parameter in Rules[0]: "Id", must be one of: Expiration, ID, Prefix' in found[0].said
    assert found[2].said == (
        "'Days' in the Expiration action for filter '(prefix=mongodb/)' must be greater than 'Days' in the Transition action"
    )


XML = "The XML you provided was not well-formed or did not validate against our published schema"
IA, GLACIER = {"Days": 30, "StorageClass": "STANDARD_IA"}, {"Days": 60, "StorageClass": "GLACIER"}


@pytest.mark.parametrize(
    ("rule", "code", "text"),
    [
        (changed(Expiration={"Days": 60}), "InvalidArgument", "must be greater than 'Days' in the Transition action"),
        (changed(Filter=None), "MalformedXML", XML),
        (changed(Prefix="x/"), "MalformedXML", XML),
        (changed(Filter={"Prefix": "x/", "ObjectSizeGreaterThan": 3}), "MalformedXML", XML),
        (changed(Status="enabled"), "MalformedXML", XML),
        (changed(ID="x" * 256), "InvalidArgument", "ID length should not exceed allowed limit of 255"),
        (changed(Expiration={"Days": 0}, Transitions=None), "InvalidArgument", "must be a positive integer"),
        (changed(Expiration={"Days": 90, "ExpiredObjectDeleteMarker": True}), "MalformedXML", XML),
        (changed(Expiration={"Date": "2030-01-01T10:00:00Z"}, Transitions=None), "InvalidArgument", "midnight GMT"),
        (
            changed(Transitions=[{"Days": 29, "StorageClass": "STANDARD_IA"}]),
            "InvalidArgument",
            "'Days' in Transition action must be greater than or equal to 30 for storageClass 'STANDARD_IA'",
        ),
        (changed(Transitions=[{"Days": 30, "StorageClass": "STANDARD"}]), "MalformedXML", XML),
        (changed(Transitions=[{"Days": 3, "Date": "2030-01-01", "StorageClass": "GLACIER"}]), "MalformedXML", XML),
        (
            changed(Transitions=[GLACIER, {"Days": 60, "StorageClass": "GLACIER"}]),
            "InvalidRequest",
            "'StorageClass' must be different for 'Transition' actions in same 'Rule' with filter '(prefix=x/)'",
        ),
        (
            changed(Transitions=[IA, {"Days": 59, "StorageClass": "GLACIER"}]),
            "InvalidArgument",
            "must be 30 days more than",
        ),
        (
            changed(Transitions=[IA, {"Days": 30, "StorageClass": "GLACIER"}]),
            "InvalidArgument",
            "'Days' in the Transition action for StorageClass 'GLACIER' for filter '(prefix=x/)' must be greater than",
        ),
        (
            changed(Expiration={"Date": "2030-01-01T00:00:00Z"}),
            "InvalidRequest",
            "Found mixed 'Date' and 'Days' based Expiration and Transition actions in lifecycle rule for filter '(prefix=x/)'",
        ),
        (
            changed(Transitions=[IA, {"Date": "2030-01-01T00:00:00Z", "StorageClass": "GLACIER"}]),
            "InvalidRequest",
            "Found mixed 'Date' and 'Days' based Transition actions",
        ),
        (changed(Transitions=None, Expiration=None), "InvalidRequest", "At least one action needs to be specified"),
        (changed(NoncurrentVersionExpiration={"NoncurrentDays": 0}), "InvalidArgument", "must be a positive integer"),
        (
            changed(NoncurrentVersionExpiration={"NoncurrentDays": 3, "NewerNoncurrentVersions": 101}),
            "InvalidArgument",
            "between 1 and 100",
        ),
        (
            changed(
                Filter={"Tag": {"Key": "a", "Value": "b"}}, AbortIncompleteMultipartUpload={"DaysAfterInitiation": 1}
            ),
            "InvalidRequest",
            "AbortIncompleteMultipartUpload cannot be specified with Tags.",
        ),
        (
            changed(Filter={"ObjectSizeGreaterThan": 5}, AbortIncompleteMultipartUpload={"DaysAfterInitiation": 1}),
            "InvalidRequest",
            "AbortIncompleteMultipartUpload cannot be specified with Object Size",
        ),
        (
            changed(
                Filter={"Tag": {"Key": "a", "Value": "b"}},
                Transitions=None,
                Expiration={"ExpiredObjectDeleteMarker": True},
            ),
            "InvalidRequest",
            "ExpiredObjectDeleteMarker cannot be specified with Tags.",
        ),
        (
            changed(
                NoncurrentVersionTransitions=[{"NoncurrentDays": 9, "StorageClass": "STANDARD_IA"}],
            ),
            "InvalidArgument",
            "'NoncurrentDays' in NoncurrentVersionTransition action must be greater than or equal to 30",
        ),
        (changed(Expiration={"Days": "61"}), "ParamValidation", "Invalid type for parameter Rules[0].Expiration.Days"),
    ],
)
def test_what_s3_refuses(rule: dict[str, Any], code: str, text: str) -> None:
    found = said(rule)
    assert any(one == code and text in sentence for one, sentence in found), found


def test_of_all_rules_together() -> None:
    assert ("InvalidArgument", "Rule ID must be unique. Found same ID for more than one rule") in said(GOOD, GOOD)
    many = [changed(ID=f"r{number}") for number in range(1001)]
    assert said(*many) == [("MalformedXML", XML)] and said(*many[:1000]) == []
    assert said() == [("MalformedXML", XML)]
    assert [one.code for one in validate([])] == ["ParamValidation"]


def test_what_other_tools_print_is_read() -> None:
    assert read_json(json.dumps({"LifecycleConfiguration": {"Rules": []}})) == {"Rules": []}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 4000) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)
PARTS = st.sampled_from([*GOOD, "NoncurrentVersionExpiration", "AbortIncompleteMultipartUpload", "Prefix", "Id"])


@given(st.lists(st.dictionaries(PARTS, JSON, max_size=5), max_size=3) | JSON)
def test_whatever_a_file_holds_is_judged_not_tripped_over(rules: Any) -> None:
    validate({"Rules": rules})
    validate(rules)


@given(PARTS, JSON)
def test_a_good_rule_with_one_part_spoilt_is_judged(part: str, value: Any) -> None:
    validate({"Rules": [changed() | {part: value}]})
