"""``lifeboat metrics``: how everything stands, for Prometheus and Grafana."""

from importlib.resources import files
from pathlib import Path

import click

from lifeboat.cli.command import lifeboat_command
from lifeboat.cli.exit_status import ExitStatus
from lifeboat.cli.run import Run


@lifeboat_command(
    "metrics",
    examples=(
        ("metrics", "print them, as `serve` answers at /metrics"),
        (
            "metrics --textfile /var/lib/node_exporter/lifeboat.prom",
            "for the node exporter; from cron, every five minutes",
        ),
        ("metrics rules > lifeboat-rules.yml", "alert rules for Prometheus"),
        ("metrics grafana > lifeboat.json", "a dashboard to import"),
    ),
)
@click.argument("what", type=click.Choice(["now", "rules", "grafana"]), default="now")
@click.option(
    "--textfile", type=click.Path(path_type=Path), metavar="FILE", help="Write them there, whole or not at all."
)
def command(run: Run, what: str, textfile: Path | None) -> ExitStatus:
    """Metrics of how everything stands, in Prometheus' form; or the alert rules and the dashboard that go with them."""
    if what != "now":
        name = {"rules": "rules.yml", "grafana": "grafana.json"}[what]
        run.write(run.out, (files("lifeboat.services.metrics") / name).read_text("utf-8"))
        return ExitStatus.DONE
    from lifeboat.app.measuring import metrics_page, write_textfile

    page = metrics_page(run.settings(), run.clock)
    if textfile is None:
        run.write(run.out, page.decode())
    else:
        write_textfile(run.folder / textfile, page)
    return ExitStatus.DONE
