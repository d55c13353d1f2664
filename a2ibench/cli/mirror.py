"""``a2ibench mirror``: a study into MLflow, afterwards."""

from pathlib import Path

import click

from a2ibench.cli.options import make_display


@click.command()
@click.argument("study", type=click.Path(path_type=Path))
@click.option(
    "--tracking-uri",
    metavar="URI",
    help="MLflow's: http://HOST:PORT, or sqlite:///FILE.  [default: mlflow.db beside the study]",
)
def mirror(study: Path, tracking_uri: str | None) -> None:
    """Put into MLflow what it does not know of a STUDY yet.

    `a2ibench run` does this job by job; this catches up after a server was down, or copies the
    study to another one. What is there already is left as it is.
    """
    from a2ibench.results.study import open_study
    from a2ibench.tracking.live import default_uri, how_to_look, mirror_study, without_password

    open_study(study)
    uri = tracking_uri or default_uri(study)
    display = make_display()
    told = mirror_study(study, uri, display.say)
    display.say(f"{study}: {told} jobs were new to MLflow at {without_password(uri)}")
    display.say(f"MLflow: {how_to_look(uri)}")
