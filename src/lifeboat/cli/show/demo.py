"""The demonstration: what it is doing, line by line, and what it showed."""

from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.console import RenderableType
from rich.text import Text

from lifeboat.cli.run import Run
from lifeboat.cli.show.console import BAD, FAINT, GOOD, STRONG, columns, facts, line, next_steps, text, unbroken
from lifeboat.foundation.sizes import show_bytes, show_seconds

if TYPE_CHECKING:
    from lifeboat.app.demo import DemoReport, Measured

_OUTCOME_COLUMN = 36
OWN_DATA = (
    "MONGODB_URI=mongodb://user:password@host/database",
    "UPLOADS_DIR=/srv/app/uploads",
    "S3_BACKUP_BUCKET=my-backups        # or LIFEBOAT_REPOSITORY=/a/folder",
    "AWS_REGION=...  AWS_ACCESS_KEY_ID=...  AWS_SECRET_ACCESS_KEY=...",
)


class Teller:
    """Tells the story to whoever reads standard output; silent with ``--json`` and ``--quiet``."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._silent = run.json or run.quiet
        self._in_an_act = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._in_an_act or error is None:
            self._tell("\n")

    def begins(self, act: str) -> None:
        self._in_an_act = True
        self._tell(f"{act} ".ljust(_OUTCOME_COLUMN, "."))

    def ends(self, outcome: str) -> None:
        self._in_an_act = False
        self._tell(f" {outcome}\n")

    def _tell(self, words: str) -> None:
        if not self._silent:
            self._run.write(self._run.out, words)


def draw_demo(report: "DemoReport") -> list[RenderableType]:
    rows = [
        (
            "protected",
            f"{report.documents:,} documents in {report.collections} collections with {report.indexes} indexes "
            f"({show_bytes(report.data_bytes)}), {report.files:,} files ({show_bytes(report.file_bytes)}), "
            "the configuration",
        ),
        ("first backup", _backup(report.first_backup)),
        ("second backup", _backup(report.second_backup) + ": what had changed"),
        ("lost", ", ".join(report.lost)),
        ("restored", f"{_pace(report.restore)}, from the repository and the key alone"),
        ("verified", f"{_pace(report.verify)}: every object read, every chunk opened"),
        ("RPO, measured", f"{show_seconds(report.rpo_seconds)}: age of the newest copy when everything was lost"),
        ("RTO, measured", f"{show_seconds(report.rto_seconds)}: from the loss until all was back and compared"),
    ]
    table = columns("compared", "with what was lost", fold=("with what was lost",))
    for one in report.comparisons:
        told = line(("equal", GOOD), f": {one.content}") if one.equal else line(("DIFFERS", BAD), f": {one.content}")
        table.add_row(text(one.what), told)
    table.add_row(text("one flipped bit"), _damage(report))
    drawn: list[RenderableType] = [facts(rows), "", table, ""]
    drawn.append(
        line(("everything came back", GOOD), ", equal to what was lost")
        if report.equal
        else line(("something is not as it should be", BAD), "; see above")
    )
    return drawn + _what_next(report)


def _what_next(report: "DemoReport") -> list[RenderableType]:
    drawn: list[RenderableType] = []
    if report.kept:
        drawn += ["", unbroken(f"kept in {report.kept}; to look around in it:", STRONG)]
        drawn += [unbroken(f"  lifeboat --config {report.kept}/lifeboat.toml snapshots", STRONG)]
    drawn += ["", text("now for your own data: say where it is, in .env or in the environment", FAINT)]
    drawn += [unbroken(f"  {setting}") for setting in OWN_DATA]
    return drawn + next_steps(
        ("lifeboat init --yes", "a repository and its key (BACKUP_ENCRYPTION_KEY, or a new one)"),
        ("lifeboat backup all", "database, uploads, configuration: one recovery point"),
        ("lifeboat restore db latest --to restored", "beside the live data, to see that it works"),
    )


def _damage(report: "DemoReport") -> Text:
    damage = report.damage
    if damage.held:
        folder, _, digest = damage.object_name.rpartition("/")
        why = str(damage.refused).removeprefix(f"{damage.object_name}: ")
        costs = f", and what it costs ({damage.hurts[0].rpartition(': ')[2]})" if damage.hurts else ""
        return line(("held", GOOD), f": verify named {folder}/{digest[:12]}{costs}; the restore refused: {why}")
    missing = [
        *([] if damage.named else [f"verify did not name {damage.object_name}"]),
        *([] if damage.refused else ["the restore did not refuse"]),
        *(["the restore left wrong documents"] if damage.wrong_documents else []),
    ]
    return line(("NOT HELD", BAD), f": {', '.join(missing)}")


def _backup(measured: "Measured") -> str:
    return f"{_pace(measured)}; {show_bytes(measured.new_bytes)} new, {show_bytes(measured.stored_bytes)} stored"


def _pace(measured: "Measured") -> str:
    return (
        f"{show_bytes(measured.bytes)} in {show_seconds(measured.seconds)}, {show_bytes(measured.bytes_per_second)}/s"
    )
