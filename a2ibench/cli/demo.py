"""``a2ibench demo``: serve a page for trying sounds."""

from pathlib import Path

import click

from a2ibench.cli.options import budget_option, load_plugins, plugin_option, seed_option


@click.command()
@click.argument("runs", metavar="RUN...", nargs=-1, required=True, type=click.Path(path_type=Path))
@seed_option
@budget_option("all of them, side by side")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    default=8000,
    show_default=True,
    type=click.IntRange(0, 65_535),
    help="Port to listen on; 0 takes any free one.",
)
@plugin_option
def demo(
    runs: tuple[Path, ...],
    seed: int | None,
    budget: int | None,
    host: str,
    port: int,
    plugins: tuple[Path, ...],
) -> None:
    """Serve a local page where models draw a dropped or recorded sound side by side.

    RUN is the folder of a study, which offers all of its models at all of its budgets, or of one of
    its jobs. Sounds are not kept, and nothing is fetched from any network. Ctrl-C ends it.
    """
    from a2ibench.extras import require

    require("demo", "a2ibench demo")
    load_plugins(plugins)
    from a2ibench.demo import serve
    from a2ibench.demo.app import make_app

    with serve.listen(host, port) as listening:
        models = serve.open_models(runs, seed, click.echo, budget)
        app = make_app(models, serve.allowed_hosts(listening, host))
        if not serve.is_loopback(listening):
            click.echo(f"warning: anyone who reaches {host} can use the page; it has no password")
        click.echo(f"{serve.address_of(listening)} (Ctrl-C ends it)")
        serve.serve(app, listening)
    click.echo("ended")
