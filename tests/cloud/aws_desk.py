"""The real command in this process, against moto: ``desk("aws", "check")``."""

import io
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from moto_aws import MotoAws

from lifeboat.cli.main import carry_out
from lifeboat.cli.run import Run

BUCKET, LOGS = "town-backups", "town-backups-logs"


@dataclass
class QuickClock:
    """Waiting takes no time."""

    slept: float = 0.0

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self.slept)

    def monotonic(self) -> float:
        return self.slept

    def sleep(self, seconds: float) -> None:
        self.slept += seconds


@dataclass
class AwsDesk:
    """Somebody at a machine with keys for AWS.

    Args:
        settings: What stands in lifeboat.toml.
    """

    folder: Path
    aws: MotoAws
    settings: str = ""
    where: str = f"s3://{BUCKET}"
    keys: tuple[str, str] = ("root", "root-secret")
    region: str = "eu-central-1"
    more: dict[str, str] = field(default_factory=dict)

    def __call__(self, *arguments: str, status: int | None = None) -> str:
        """Run it and return all that it said; fails where it ends otherwise."""
        (self.folder / "lifeboat.toml").write_text(self.settings)
        variables = {**self.aws.environment(self.keys), "HOME": str(self.folder), "AWS_REGION": self.region}
        variables |= {"LIFEBOAT_REPOSITORY": self.where, "LIFEBOAT_STATE": str(self.folder / "state"), **self.more}
        out, err = io.StringIO(), io.StringIO()
        run = Run(variables, self.folder, QuickClock(), streams=(io.StringIO(), out, err))
        ended = carry_out(run, arguments)
        said = out.getvalue() + err.getvalue()
        assert "Traceback" not in said, said
        assert status is None or ended == status, said
        return said

    def steps(self, *arguments: str, status: int | None = None) -> dict[str, dict[str, Any]]:
        """The same as JSON: each step by its name."""
        report = json.loads(self(*arguments, "--json", status=status))
        return {one["name"]: one for one in report["steps"]}

    def otherwise(self, status: int = 3) -> dict[str, list[str]]:
        """What ``aws check`` finds otherwise: names of steps, with what differs in each."""
        found = self.steps("aws", "check", status=status)
        return {
            name: [one["what"] for one in step["differences"]]
            for name, step in found.items()
            if step["state"] == "differs"
        }
