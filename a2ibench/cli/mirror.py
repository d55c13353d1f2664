"""``a2ibench mirror``: log a study to MLflow afterwards."""

from pathlib import Path

import click

from a2ibench.cli.options import make_display
from a2ibench.errors import counted


@click.command()
@click.argument("study", type=click.Path(path_type=Path))
@click.option(
    "--tracking-uri",
    metavar="URI",
    help="Address of MLflow, as http://HOST:PORT or sqlite:///FILE.  [default: mlflow.db beside the"
    " study]",
)
def mirror(study: Path, tracking_uri: str | None) -> None:
    """Log to MLflow the jobs of a STUDY that it does not know yet.

    `a2ibench run` logs each job as it ends; this command catches up after a server was down, or
    copies the study to another server. Complete runs are left as they are.
    """
    from a2ibench.results.study import open_study
    from a2ibench.tracking.live_mirror import default_uri, mirror_study, viewer, without_password

    open_study(study)
    uri = tracking_uri or default_uri(study)
    display = make_display()
    new = mirror_study(study, uri, display.say)
    display.say(f"{study}: {counted(new, 'job')} new to MLflow at {without_password(uri)}")
    display.say(f"MLflow: {viewer(uri)}")
