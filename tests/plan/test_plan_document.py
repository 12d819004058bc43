"""The plan says what it has to say, in commands that can be typed, and nothing that it cannot know."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from markdown_it import MarkdownIt
from mission import missing_in
from plan_scene import ALL, BARE, BUCKET, DAY, KEEPER, NOW, SEVERAL, WRITER
from typed import commands_in, parse

from lifeboat.cli.main import COMMANDS
from lifeboat.evidence.paper.markdown import to_markdown
from lifeboat.evidence.paper.page import to_html
from lifeboat.evidence.plan.document import plan_document
from lifeboat.evidence.plan.facts import DrillRow, Gap, Measured, PlanFacts
from lifeboat.evidence.plan.procedures.all_of_them import asked, by_letter
from lifeboat.evidence.plan.procedures.procedure import MOMENT, OPERATION, SNAPSHOT
from lifeboat.foundation.errors import LifeboatError
from lifeboat.operations.moments import MomentUnclear, read_moment, read_operation

WRITTEN = {
    "BEFORE": "2026-11-26T14:03:00+03:00",
    "OP": "1764123456.3",
    "SNAPSHOT": "3f2a91c0",
    "DB": "3f2a91c0",
    "FILES": "3f2a91c0",
}
"""What somebody writes into the variables."""


def markdown(facts: PlanFacts, version: int = 3) -> str:
    return to_markdown(plan_document(facts, version, {}))


def filled_in(typed: str) -> str:
    """With the variables as somebody would have set them."""
    return re.sub(r"\$([A-Z]+)", lambda found: WRITTEN.get(found[1], "legal.messages"), typed)


@pytest.mark.parametrize("name", ALL)
def test_every_command_of_the_plan_can_be_typed(name: str) -> None:
    found = commands_in(markdown(ALL[name]))
    assert len(found) > 30
    for typed in found:
        if typed not in COMMANDS:  # a bare name is a mention
            parse(filled_in(typed))


def test_a_command_that_cannot_be_typed_would_be_noticed() -> None:
    text = markdown(BUCKET).replace("lifeboat restore --undo", "lifeboat restore --go-back", 1)
    with pytest.raises(Exception, match="go-back"):
        for typed in commands_in(text):
            if typed not in COMMANDS:
                parse(filled_in(typed))


@pytest.mark.parametrize("name", ALL)
def test_every_variable_is_set_in_the_same_procedure_and_a_block_copied_as_it_is_restores_nothing(name: str) -> None:
    for procedure in by_letter(ALL[name]):
        known: set[str] = {"EDITOR", "HOME", "PATH"}
        for step in (*procedure.steps, *procedure.check, procedure.undo):
            for line in step.lines:
                if assigned := re.match(r"([A-Z]+)='?([^']*)", line):
                    known.add(assigned[1])
                    if assigned[1] in WRITTEN:  # no moment, no id: Lifeboat refuses it
                        assert " " in assigned[2], line
                assert set(re.findall(r"\$\{?([A-Z]+)", line)) <= known, (procedure.letter, line)


@pytest.mark.parametrize("name", ALL)
def test_looking_and_replacing_are_never_in_one_block(name: str) -> None:
    for procedure in by_letter(ALL[name]):
        for step in procedure.steps:
            live = [
                line
                for line in step.lines
                if "--over-live" in line and "--dry-run" not in line and "--filter" not in line
            ]
            others = [line for line in step.lines if line.startswith("lifeboat") and line not in live]
            assert not (live and others), (procedure.letter, step.lines)


@pytest.mark.parametrize("name", ALL)
def test_each_procedure_says_all_that_whoever_follows_it_asks(name: str) -> None:
    facts = ALL[name]
    assert {one.letter for one in asked(facts)} == {one.letter for one in by_letter(facts)}
    for one in by_letter(facts):
        assert one.stop and one.expected and one.told and one.after and one.check and one.undo.text, one.letter
        assert one.question.endswith("?")


def test_the_real_names_stand_in_the_commands() -> None:
    text = markdown(BUCKET)
    for typed in (
        "cd /srv/shop\n",
        "LIFEBOAT_REPOSITORY=s3://my-backups/production\nAWS_REGION=eu-central-1\n",
        "lifeboat restore db --at newest --over-live\n",
        "lifeboat restore files latest --to /srv/shop/uploads\n",
        "lifeboat restore db latest --to legal_check --replica riyadh\n",
        "lifeboat diff --ns legal.messages --from latest\n",
        "LIFEBOAT_REPOSITORY=s3://my-backups-2/production\nAWS_REGION=me-south-1\n",
        "aws s3 sync s3://my-backups/production copy\n",
    ):
        assert typed in text, typed
    assert "lifeboat writer add shop-1 --new --to host.writer" in markdown(WRITER)
    assert "lifeboat doctor --config '/etc/life boat.toml'" in markdown(WRITER)
    assert "cp -a '/mnt/other disk/backups' copy" in markdown(BARE)


def test_everything_that_the_mission_wants_in_the_plan_is_there() -> None:
    assert missing_in(markdown(BUCKET)) == []


def test_what_would_be_missing_is_noticed() -> None:
    text = markdown(BUCKET)
    for gone in ("countDocuments", "Do not panic", "Train: once a quarter", "server-loss |"):
        assert gone in text and missing_in(text.replace(gone, "")), gone


def test_what_is_not_protected_is_told() -> None:
    text = markdown(BUCKET)
    for one in (
        "`analytics`",
        "`*.tmp`",
        "`legal.recent`",
        "DNS",
        "TLS certificates",
        "users and roles of the copy before",
    ):
        assert one in text, one
    empty = markdown(BARE)
    assert "The files: not set up here" in empty and "The database: set up, but no copy is stored yet" in empty
    assert "There is no second copy" in empty and "There is NO second copy" in empty
    assert "lacks something" in markdown(replace(BUCKET, incomplete=("The newest copy of files lacks something",)))


def test_where_several_machines_store_it_is_said_whose_database_is_meant() -> None:
    text = markdown(SEVERAL)
    for typed in (
        "restore db --at newest@shop-1 --over-live\n",
        'restore db --at "$BEFORE@shop-1" --over-live\n',
        "restore files latest@shop-1 --to",
    ):
        assert f"lifeboat {typed}" in text, typed
    assert "Several machines store here (shop-1, shop-2)" in text
    assert "newest@" not in markdown(BUCKET)
    keeper = replace(SEVERAL, installation=replace(KEEPER.installation, label="keeper"))
    assert "cd /srv/shop\n" in markdown(keeper) and "restore db --at newest@shop-1 --over-live --dry-run" in markdown(
        keeper
    )


@pytest.mark.parametrize("written", [line.partition("=")[2].strip("'") for line in (MOMENT, OPERATION, SNAPSHOT)])
def test_what_stands_in_a_variable_that_nobody_filled_in_is_refused(written: str) -> None:
    with pytest.raises(MomentUnclear):
        read_moment(written, NOW)
    with pytest.raises(LifeboatError):
        read_operation(written)


def test_what_does_not_run_by_itself_is_told_beside_its_times() -> None:
    missing = Gap("warning", "schedule-missing", "runs by itself", "nothing is installed", "lifeboat schedule install")
    assert "When this was made it did not run: nothing is installed" in markdown(replace(BUCKET, gaps=(missing,)))


def test_what_was_not_measured_is_never_a_figure() -> None:
    assert "not measured yet" in markdown(BARE) and "no drill is known" in markdown(BARE)
    away = markdown(ALL["away"])
    assert "could not be looked at" in away and "not looked at" in away
    assert "drills were not looked at" in away
    assert "reckoned from 5 drills" in markdown(BUCKET) and "would take longer" not in markdown(BUCKET)
    assert "would take longer than the objective" in markdown(
        replace(BUCKET, measured=Measured(predicted_seconds=5 * 3600.0))
    )
    slow = replace(BUCKET, drills=(DrillRow("server-loss", NOW - DAY, "failed", 5 * 3600.0),))
    assert "took longer than the objective" in markdown(slow)


def test_a_machine_without_the_key_sends_to_one_that_has_it() -> None:
    text = markdown(WRITER)
    assert "has no key and can restore nothing" in text
    assert "cd /srv/shop\nlifeboat emergency" not in text
    assert "cd /srv/shop\nlifeboat emergency" in markdown(KEEPER)


def test_files_are_put_in_place_only_where_they_belong() -> None:
    for facts in (WRITER, KEEPER):
        [chapter] = re.findall(r"^## B\..*?(?=^## )", markdown(facts), re.M | re.S)
        assert (
            "--over-live" not in chapter
            and "lifeboat restore files latest --to files-restored\n" in chapter
            and "rsync" in chapter
        )
    said = 'HOST=db1.example.sa\nFOLDER=/srv/shop/uploads\nrsync -aHAXcn --itemize-changes files-restored/ "$HOST:$FOLDER/"'
    assert said in markdown(WRITER)
    assert "life boat.toml" not in "".join(re.findall(r"lifeboat restore.*", markdown(WRITER)))


def test_an_approval_of_another_version_is_shown_as_such() -> None:
    assert "Version 3 is not approved: the approvals above are of other versions" in markdown(BUCKET, 3)
    text = markdown(BUCKET, 2)
    assert "not approved" not in text and "approved by Noura Al-Harbi, incident lead" in text


class Words(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.said = ""

    def handle_data(self, data: str) -> None:
        self.said += data


@pytest.mark.parametrize("name", ALL)
def test_the_page_has_the_card_first_and_the_tree_as_a_picture_and_in_words(name: str) -> None:
    page = to_html(plan_document(ALL[name], 1, {}))
    assert (
        page.index(">If it happens now") < page.index('<div class="new-page"') < page.index("<nav") < page.index("<svg")
    )
    words = Words()
    words.feed(page)
    for one in asked(ALL[name]):
        assert one.title in words.said
        assert f"Yes: procedure {one.letter}" in to_markdown(plan_document(ALL[name], 1, {}))
        assert f"Yes: procedure {one.letter}" in page  # for whoever cannot see the picture


def test_hostile_names_are_text() -> None:
    hostile = "<script>alert(1)</script> | `x` \n# no"
    facts = replace(
        BUCKET,
        application=hostile,
        contacts=(replace(BUCKET.contacts[0], name=hostile),),
        database=replace(BUCKET.database, left_out=(hostile,), protected=(hostile,), example=f"{hostile}.c"),
    )
    page = to_html(plan_document(facts, 1, {}))
    assert "<script" not in page
    shown = MarkdownIt("commonmark", {"html": True}).enable("table").render(markdown(facts))
    assert "<script" not in shown and shown.count("<h1") == 1
