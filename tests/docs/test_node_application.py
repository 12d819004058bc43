"""The recipe for a Node application: the files in it can be read, and what they start exists."""

import shutil
import subprocess
from pathlib import Path

import click
import pytest
import yaml
from test_what_documents_say import ROOT, blocks, parse

from lifeboat.app.dotenv import read_dotenv
from lifeboat.app.variables import NAMES
from lifeboat.cli.main import overview

RECIPE = ROOT / "docs/node-application.md"


def test_the_compose_file_starts_what_there_is_with_as_few_rights_as_it_needs() -> None:
    [text] = blocks(RECIPE, "yaml")
    said = yaml.safe_load(text)
    lifeboat = said["services"]["lifeboat"]
    parse(" ".join(lifeboat["command"]))
    assert (
        lifeboat["read_only"] and lifeboat["cap_drop"] == ["ALL"] and "uploads:/srv/uploads:ro" in lifeboat["volumes"]
    )
    assert set(lifeboat["environment"]) <= set(NAMES) and lifeboat["env_file"] == ".env"
    assert all(port.startswith("127.0.0.1:") for port in lifeboat["ports"])
    named = {volume.split(":")[0] for one in said["services"].values() for volume in one.get("volumes", ())}
    assert named == set(said["volumes"])
    assert lifeboat["build"]["dockerfile_inline"].startswith("FROM python:3.12-slim\n")
    compile(lifeboat["healthcheck"]["test"][3], "healthcheck", "exec")


def test_a_container_has_longer_to_end_than_serve_takes() -> None:
    from lifeboat.app.serving import STOP_SECONDS

    [text] = blocks(RECIPE, "yaml")
    grace = yaml.safe_load(text)["services"]["lifeboat"]["stop_grace_period"]
    assert grace.endswith("s") and int(grace[:-1]) > STOP_SECONDS
    [ecosystem, *_] = [one for one in blocks(RECIPE, "js") if "module.exports" in one]
    assert int(ecosystem.partition("kill_timeout: ")[2].partition(",")[0]) > STOP_SECONDS * 1000


def test_the_variables_are_those_that_are_read() -> None:
    [text] = [one for one in blocks(RECIPE, "sh") if one.startswith("MONGODB_URI")]
    assert set(read_dotenv(text, NAMES)) <= set(NAMES)


def test_pm2_starts_a_command_that_there_is() -> None:
    [ecosystem, *_] = [one for one in blocks(RECIPE, "js") if "module.exports" in one]
    assert 'script: "lifeboat"' in ecosystem and 'args: "serve"' in ecosystem and 'interpreter: "none"' in ecosystem
    assert overview.get_command(click.Context(overview), "serve") is not None


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
def test_the_javascript_can_be_read(tmp_path: Path) -> None:
    for number, code in enumerate(blocks(RECIPE, "js")):
        path = tmp_path / f"{number}.js"
        path.write_text(code)
        done = subprocess.run(["node", "--check", str(path)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
