"""Our statements among those of others: each of ours is there once, and nothing of theirs is touched."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from lifeboat.cloud.bucket.statements import accounts_let_in, canonical, merge, missing, opens_to_all
from lifeboat.cloud.policies import Place, bucket_policy

OURS = bucket_policy(Place("town"))["Statement"]
NAMES = st.sampled_from(["", "Auditors", "WrittenOnce", "EncryptedConnectionsOnly", "Web"])
PRINCIPALS = st.sampled_from(["*", {"AWS": "*"}, {"AWS": ["111122223333"]}, {"Service": "logging.s3.amazonaws.com"}])


def _statement(name: str, principal: Any, action: Any, place: str, effect: str, condition: Any) -> dict[str, Any]:
    said = {"Effect": effect, "Principal": principal, "Action": action, "Resource": f"arn:aws:s3:::town/{place}/*"}
    return said | ({"Sid": name} if name else {}) | ({"Condition": condition} if condition else {})


FOREIGN = st.builds(
    _statement,
    NAMES,
    PRINCIPALS,
    st.sampled_from(["s3:GetObject", ["s3:GetObject", "s3:PutObject"]]),
    st.sampled_from(["images", "shop/mongodb/pack"]),
    st.sampled_from(["Allow", "Deny"]),
    st.sampled_from([None, {"Bool": {"aws:SecureTransport": "false"}}]),
).filter(lambda one: one.get("Sid") != "WrittenOnce" or "mongodb" not in one["Resource"])
"""With our name and for our objects it would be an older form of ours."""


@given(st.lists(FOREIGN, max_size=5), st.sampled_from(["", "shop", "shop/a"]))
def test_ours_are_in_theirs_stay_and_a_second_time_changes_nothing(foreign: list[dict[str, Any]], prefix: str) -> None:
    wanted = bucket_policy(Place("town", prefix))["Statement"]
    merged = merge(foreign, wanted)
    assert merged[: len(foreign)] == foreign
    assert missing(merged, wanted) == []
    assert merge(merged, wanted) == merged
    said = [canonical(one) for one in merged[len(foreign) :]]
    assert len(said) == len(set(said)) and set(said) <= {canonical(one) for one in wanted}


def test_spelling_does_not_count() -> None:
    one = {
        "Sid": "A",
        "Effect": "Deny",
        "Principal": {"AWS": "*"},
        "Action": ["s3:PutObject"],
        "Resource": ["b", "a"],
        "Condition": {"Bool": {"aws:SecureTransport": False}},
    }
    same = {
        "Resource": ["a", "b"],
        "Action": "s3:PutObject",
        "Principal": "*",
        "Effect": "Deny",
        "Condition": {"Bool": {"AWS:securetransport": ["false"]}},
    }
    assert canonical(one) == canonical(same)
    for other in ({"Effect": "Allow"}, {"Action": "s3:GetObject"}, {"Resource": ["a"]}, {"Condition": {}}):
        assert canonical({**one, **other}) != canonical(one)


def test_a_changed_form_of_ours_is_replaced_where_it_stands_under_its_name() -> None:
    weaker = [{**one, "Condition": {}} if one["Sid"] == "WrittenOnce" else one for one in OURS]
    [(found, stands)] = missing(weaker, OURS)
    assert (found["Sid"], stands) == ("WrittenOnce", True)
    assert merge(weaker, OURS) == OURS


def test_who_is_let_in() -> None:
    allow = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "*"}
    assert opens_to_all(allow) and opens_to_all({**allow, "Principal": {"AWS": ["*"]}})
    limited = {**allow, "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}}
    assert not opens_to_all(limited) and not opens_to_all({**allow, "Effect": "Deny"})
    named = {**allow, "Principal": {"AWS": ["arn:aws:iam::111122223333:root", "123456789012"]}}
    assert accounts_let_in(named, "123456789012") == {"111122223333"} and not opens_to_all(named)
    assert accounts_let_in({**allow, "Principal": {"Service": "logging.s3.amazonaws.com"}}, None) == set()
