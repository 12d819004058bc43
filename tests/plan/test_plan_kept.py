"""What people wrote into a plan is there after any number of renewals; a file that is not certain is refused, never taken for empty."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plan_scene import ALL, AWAY, BUCKET

from lifeboat.evidence.paper.document import Yours
from lifeboat.evidence.paper.markdown import to_markdown
from lifeboat.evidence.plan.document import plan_document
from lifeboat.evidence.plan.facts import PlanFacts
from lifeboat.evidence.plan.kept import PlanFileDoubtful, read_kept, write_kept
from lifeboat.evidence.plan.stable import stable_parts

NAMES = [one.name for one in plan_document(BUCKET, 1, {}).blocks if isinstance(one, Yours)]
OLD = "a-part-of-former-times"


def written(facts: PlanFacts, version: int, yours: dict[str, str]) -> bytes:
    text = to_markdown(plan_document(facts, version, yours))
    return write_kept(text, version, facts.made, stable_parts(facts)).encode()


TEXTS = st.text(st.characters(exclude_categories=("Cs", "Cc")) | st.just("\n"), min_size=1, max_size=80).filter(
    lambda text: text.strip() and "<!--" not in text
)


@given(
    st.dictionaries(st.sampled_from([*NAMES, OLD]), TEXTS.map(lambda text: text.strip("\n"))),
    st.lists(st.sampled_from(list(ALL)), min_size=1, max_size=5),
)
def test_what_people_wrote_survives_any_number_of_renewals(yours: dict[str, str], course: list[str]) -> None:
    kept = dict(yours)
    for version, name in enumerate(course, 1):
        found = read_kept(written(ALL[name], version, kept), "plan.md")
        assert found.version == version and not found.is_edited
        kept = dict(found.yours)
    assert kept == yours


def test_a_part_that_is_asked_for_no_more_is_kept_in_a_chapter_of_its_own() -> None:
    text = written(BUCKET, 1, {OLD: "call the lighthouse", "stop-writes": "the red switch"}).decode()
    assert "## Kept from before" in text and "call the lighthouse" in text
    assert "Kept from before" not in written(BUCKET, 1, {"stop-writes": "the red switch", OLD: " "}).decode()


WHOLE = written(BUCKET, 3, {"stop-writes": "the red switch\n\n- and the blue one", "envelopes": "in the safe"}).decode()


def test_a_file_that_is_cut_off_anywhere_is_refused() -> None:
    last = WHOLE.rindex("}")
    for at in [
        *range(0, last, 997),
        *(WHOLE.index(mark) + 5 for mark in ("<!-- yours", "<!-- end", "red", "<!-- lifeboat")),
        last,
    ]:
        with pytest.raises(PlanFileDoubtful):
            read_kept(WHOLE[:at].encode(), "plan.md")
    assert read_kept(WHOLE[: last + 5].encode(), "plan.md").version == 3


def test_a_mark_that_is_gone_doubled_or_damaged_is_refused_with_its_line() -> None:
    lines = WHOLE.split("\n")
    marks = [n for n, line in enumerate(lines) if re.match(r"<!-- (yours|end): ", line)]
    assert len(marks) == 2 * len(NAMES)
    for n in marks:
        for damaged in (
            [*lines[:n], *lines[n + 1 :]],
            [*lines[: n + 1], *lines[n:]],
            [*lines[:n], lines[n].replace("<!-- ", "<!--"), *lines[n + 1 :]],
            [*lines[:n], lines[n].replace(" -->", ""), *lines[n + 1 :]],
            [*lines[:n], lines[n].replace(": ", ": X"), *lines[n + 1 :]],
        ):
            with pytest.raises(PlanFileDoubtful) as refused:
                read_kept("\n".join(damaged).encode(), "plan.md")
            assert "plan.md" in refused.value.message and refused.value.hint


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"# Our own recovery plan\n\nCall Noura.\n",
        b"\xff\xfe\x00",
        WHOLE.encode("utf-16"),
        (WHOLE + WHOLE).encode(),
        WHOLE.replace('"version":3', '"version":"x"').encode(),
        WHOLE.replace('"version":3', '"version":0').encode(),
        WHOLE.replace('{"format":1', '{"format":2').encode(),
        WHOLE.replace('"parts":{', '"parts":[{').encode(),
    ],
)
def test_what_is_no_whole_plan_of_ours_is_refused(raw: bytes) -> None:
    with pytest.raises(PlanFileDoubtful):
        read_kept(raw, "plan.md")


def test_what_editors_do_to_a_file_changes_nothing() -> None:
    for same in (
        WHOLE.replace("\n", "\r\n"),
        "\ufeff" + WHOLE,
        WHOLE.rstrip(),
        re.sub(r" +\n", "\n", WHOLE),
        WHOLE + "\n\n",
    ):
        found = read_kept(same.encode(), "plan.md")
        assert not found.is_edited and found.yours["stop-writes"] == "the red switch\n\n- and the blue one"


def test_an_edit_outside_the_parts_is_seen() -> None:
    for edited in (
        WHOLE.replace("+966 50 000 0001", "+966 50 999 9999"),
        WHOLE.replace("## Whom to call", "Ask Fatima first.\n\n## Whom to call"),
        WHOLE + "\nAsk Fatima first.\n",
    ):
        assert edited != WHOLE and read_kept(edited.encode(), "plan.md").is_edited


def test_words_of_people_do_not_end_the_comment_that_says_what_the_file_is() -> None:
    facts = replace(BUCKET, application="a --> b <!-- end: stop-writes -->")
    found = read_kept(written(facts, 1, {"stop-writes": "x"}), "plan.md")
    assert found.parts["organisation"]["application"] == facts.application and found.yours == {"stop-writes": "x"}
    assert not found.is_edited


def test_time_and_measurements_are_no_other_version() -> None:
    later = replace(AWAY, made=BUCKET.made + timedelta(days=90))
    parts, now = stable_parts(BUCKET), stable_parts(later)
    assert {name for name in parts if now[name] not in (None, parts[name])} <= {"installation"}
