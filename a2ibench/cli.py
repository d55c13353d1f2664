"""The command line: parse, call, print."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from a2ibench import __version__
from a2ibench.errors import UserError, unknown

if TYPE_CHECKING:
    from a2ibench.study.display import Display

F = TypeVar("F", bound=Callable[..., Any])

FAILED = 1
INTERRUPTED = 130


class _Group(click.Group):
    """Prints a :class:`UserError` as one line and exits with 2, as click does for wrong usage."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (UserError, OSError) as error:
            # An OSError names the file and what is wrong with it: no such folder, a full disk.
            click.echo(f"error: {error}", err=True)
            sys.exit(2)
        except KeyboardInterrupt:
            click.echo("interrupted: the same command goes on where it was", err=True)
            sys.exit(INTERRUPTED)


def _plugin_option(command: F) -> F:
    return click.option(
        "--plugin",
        "plugins",
        multiple=True,
        type=click.Path(path_type=Path),
        metavar="FILE.py",
        help="A file of your own that registers models, metrics, … Repeatable.",
    )(command)


def _load(plugins: tuple[Path, ...]) -> tuple[Path, ...]:
    from a2ibench.registry import load_plugin_file

    for path in plugins:
        load_plugin_file(path)
    return tuple(path.resolve() for path in plugins)


def _settings(texts: tuple[str, ...]) -> dict[str, dict[str, str]]:
    """``OWNER.FIELD=VALUE`` … → owner → field → value."""
    settings: dict[str, dict[str, str]] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        owner, dot, field = name.rpartition(".")
        if not (equals and dot and owner and field):
            raise UserError(f"--set {text}: expected OWNER.FIELD=VALUE, as in ours.lambda_con=0.1")
        settings.setdefault(owner, {})[field] = value
    return settings


def _display() -> "Display":
    from rich.console import Console

    from a2ibench.study.display import Display

    return Display(Console())


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def main() -> None:
    """Which method draws the better picture for a sound, and why?

    Methods, datasets, encoders, judges and metrics are plug-ins that share everything else.
    """


@main.command()
@click.option("--model", "models", multiple=True, required=True, help="A method. Repeatable.")
@click.option(
    "--ablate",
    default="",
    metavar="A,B|all",
    help="Parts to switch off, one at a time (`a2ibench show MODEL` lists them).",
)
@click.option(
    "--dataset",
    default="arcade",
    show_default=True,
    metavar="NAME|DIR",
    help="A dataset's name, or the folder of a prepared one.",
)
@click.option("--encoder", default="soundnet8", show_default=True, help="The acoustic feature.")
@click.option("--seeds", default=1, show_default=True, type=click.IntRange(min=1), help="How many.")
@click.option(
    "--scale",
    default="small",
    show_default=True,
    type=click.Choice(["small", "paper"]),
    help="Sizes and budget: minutes on two cores, or the papers' on a GPU.",
)
@click.option(
    "--images",
    type=click.IntRange(min=1),
    help="Training images a trial takes in.  [default: the scale's]",
)
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="OWNER.FIELD=VALUE",
    help="An option of a model, dataset or encoder. Repeatable.",
)
@click.option("--metric", "metrics", multiple=True, help="Default: all whose judges are there.")
@click.option(
    "--executor",
    default="ray",
    show_default=True,
    type=click.Choice(["ray", "inline"]),
    help="Ray Tune, or one trial after the other in this process.",
)
@click.option(
    "--gpus-per-trial",
    type=click.FloatRange(0, 1),
    help="A fraction shares a GPU (its memory is not divided).  [default: 1 where there is one]",
)
@click.option("--ray-address", help="Of a running Ray cluster.")
@click.option(
    "--tracking-uri",
    metavar="URI|none",
    help="MLflow's.  [default: sqlite, mlflow.db beside the study]",
)
@click.option("--out", type=click.Path(path_type=Path), help="[default: studies/DATASET]")
@click.option("--dry-run", is_flag=True, help="Print the plan and stop.")
@_plugin_option
def run(
    models: tuple[str, ...],
    ablate: str,
    settings: tuple[str, ...],
    executor: str,
    gpus_per_trial: float | None,
    ray_address: str | None,
    tracking_uri: str | None,
    out: Path | None,
    dry_run: bool,
    plugins: tuple[Path, ...],
    **options: Any,
) -> None:
    """Train and compare methods, and their ablations, on one dataset.

    What is there already is not computed again: the same command goes on where it was.
    """
    loaded = _load(plugins)
    from a2ibench.study.plan import Request, outline

    request = Request(
        models=models,
        ablate=tuple(part.strip() for part in ablate.split(",") if part.strip()),
        settings=_settings(settings),
        folder=out,
        plugins=loaded,
        **options,
    )
    display = _display()
    chosen = outline(request)
    if dry_run:
        _print_plan(request, chosen, display)
        return
    from a2ibench.study.executors.inline import run_inline
    from a2ibench.study.executors.ray_tune import RayTune
    from a2ibench.study.mlflow_mirror import Mirror
    from a2ibench.study.run import run_study

    folder = chosen.folder
    uri = tracking_uri or f"sqlite:///{(folder.parent / 'mlflow.db').resolve()}"
    mirror = None
    if uri.lower() != "none":
        mirror = Mirror(uri, folder.parent / "mlartifacts", folder.name, display.say)
    ray = RayTune(folder / ".ray", gpus_per_trial, ray_address)
    failures = run_study(request, run_inline if executor == "inline" else ray, mirror, display)
    display.say(f"tables, pictures: {folder / 'tables'}")
    if mirror is not None and mirror.alive:
        display.say(f"MLflow: mlflow ui --backend-store-uri {uri}")
    for failure in failures:
        display.say(f"failed: {failure}")
    if failures:
        sys.exit(FAILED)


def _print_plan(request: Any, chosen: Any, display: "Display") -> None:
    from rich.table import Table

    jobs = len(chosen.arms) * request.seeds
    display.say(
        f"{request.dataset} {dict(chosen.dataset_options) or ''} → {request.encoder} →"
        f" {len(chosen.arms)} arms × {request.seeds} seeds = {jobs} trials of"
        f" {chosen.images} training images → {chosen.folder}"
    )
    table = Table("arm", "configuration (what differs from the full model, or all of it)")
    full: dict[str, Any] = {}
    for arm in chosen.arms:
        if arm.without is None:
            full = dict(arm.config)
        shown = (
            full
            if arm.without is None
            else {name: value for name, value in arm.config.items() if full[name] != value}
        )
        table.add_row(arm.label, ", ".join(f"{name}={value}" for name, value in shown.items()))
    display.console.print(table, markup=False)
    display.say(f"reference rows: {', '.join(chosen.references)}")
    display.say(f"metrics: {', '.join(chosen.metrics) or 'all that the data and judges allow'}")


@main.command()
@click.argument("run_folder", metavar="RUN", type=click.Path(path_type=Path))
@click.argument(
    "sounds", metavar="SOUND...", nargs=-1, required=True, type=click.Path(path_type=Path)
)
@click.option(
    "-n",
    "count",
    default=8,
    show_default=True,
    type=click.IntRange(1, 1000),
    help="Pictures a sound.",
)
@click.option("--arm", help='Of a study: "ours", "ours − consistency".  [default: its first model]')
@click.option("--seed", default=0, show_default=True, help="Of a study: which training seed.")
@click.option(
    "--noise-seed",
    default=0,
    show_default=True,
    type=click.IntRange(min=0),
    help="Fixes the noise.",
)
@click.option(
    "--out",
    default=Path("generated"),
    show_default=True,
    type=click.Path(path_type=Path),
    help="A folder a sound is made in it.",
)
@_plugin_option
def generate(
    run_folder: Path,
    sounds: tuple[Path, ...],
    count: int,
    arm: str | None,
    seed: int,
    noise_seed: int,
    out: Path,
    plugins: tuple[Path, ...],
) -> None:
    """Draw pictures for any sound (wav, mp3, flac, ogg, …).

    RUN is a study's folder, or that of one of its jobs.
    """
    _load(plugins)
    from a2ibench.data.audio import read_sound
    from a2ibench.study.generate import find_run, generate, save_pictures

    folder = find_run(run_folder, arm, seed)
    stems = [sound.stem for sound in sounds]
    if twice := {stem for stem in stems if stems.count(stem) > 1}:
        raise UserError(
            f"two sounds are called {twice.pop()!r}: draw them into two folders (--out)"
        )
    for sound in sounds:
        read_sound(sound)  # all of them, before anything is drawn
    for sound in sounds:
        images, notes = generate(folder, sound, count, noise_seed)
        path = save_pictures(images, out / sound.stem)
        for note in notes:
            click.echo(f"note: {note}")
        click.echo(f"{sound.name}: {count} pictures: {path}")


@main.group()
def data() -> None:
    """Prepare datasets."""


@data.command()
@click.argument("name")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The folder to make.")
@click.option("--set", "settings", multiple=True, metavar="FIELD=VALUE", help="Repeatable.")
@_plugin_option
def prepare(name: str, out: Path, settings: tuple[str, ...], plugins: tuple[Path, ...]) -> None:
    """Write the dataset NAME to a folder: a pair store."""
    _load(plugins)
    from a2ibench import config, registry
    from a2ibench.data.prepare import prepare

    dataset = registry.datasets.get(name)
    values = _settings(tuple(f"{name}.{text}" for text in settings)).get(name, {})
    display = _display()
    with display.running():
        made = prepare(
            dataset(config.build(dataset.Config, values, name)),
            out,
            display.counter(f"preparing {name}"),
        )
    click.echo(f"{out}: {made.about['counts']} pairs of {', '.join(made.classes)}")


def _registry(kind: str) -> Any:
    from a2ibench import registry

    by_name = {one.kind: one for one in registry.ALL}
    if kind.removesuffix("s") not in by_name:
        raise unknown("kind", kind, [f"{name}s" for name in by_name])
    return by_name[kind.removesuffix("s")]


@main.command("list")
@click.argument("kind", required=False)
@_plugin_option
def list_(kind: str | None, plugins: tuple[Path, ...]) -> None:
    """List what is registered: all, or one KIND (models, datasets, …)."""
    _load(plugins)
    from a2ibench import registry

    for one in registry.ALL if kind is None else (_registry(kind),):
        click.echo(f"{one.kind}s:")
        for name in one.names():
            click.echo(f"  {name:32} {one.where(name)}")


@main.command()
@click.argument("name")
@click.option("--kind", help="model, dataset, … where two kinds share the name.")
@_plugin_option
def show(name: str, kind: str | None, plugins: tuple[Path, ...]) -> None:
    """Show one plug-in: what it is, its options, its ablations."""
    _load(plugins)
    import dataclasses
    import inspect

    from a2ibench import registry

    kinds = registry.ALL if kind is None else (_registry(kind),)
    found = [one for one in kinds if name in one.names()]
    if not found:
        raise unknown("name", name, [known for one in kinds for known in one.names()])
    for one in found:
        plugin: Any = one.get(name)
        click.echo(f"{one.kind} {name} ({one.where(name)})\n")
        click.echo(inspect.getdoc(plugin) or "")
        if hasattr(plugin, "Config"):
            click.echo("\noptions:")
            for field in dataclasses.fields(plugin.Config):
                click.echo(f"  {field.name} = {field.default!r}  {field.metadata.get('doc', '')}")
        for title in ("ablations", "scales"):
            for part, values in getattr(plugin, title, {}).items():
                text = ", ".join(f"{key}={value!r}" for key, value in values.items())
                click.echo(f"{title.removesuffix('s')} {part}: {text}")


if __name__ == "__main__":
    main()
