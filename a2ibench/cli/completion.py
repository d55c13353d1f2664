"""Shell completion of the names of plug-ins and their ablations, and its scripts.

Completion has to be fast: names come from entry points and from the text of files. Nothing heavy is
imported, and no file of the user is run.
"""

import ast
import importlib.util
from collections.abc import Callable, Iterator
from pathlib import Path

import click
from click.shell_completion import CompletionItem, get_completion_class

SHELLS = ("bash", "zsh", "fish")
PROGRAM = "a2ibench"
VARIABLE = "_A2IBENCH_COMPLETE"

Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def names(*kinds: str, folders: bool = False, also: tuple[str, ...] = ()) -> Complete:
    """Complete registered names, also those in the files of ``--plugin``.

    Args:
        kinds: kinds of plug-ins; by default the kind on the command line, or all.
        folders: whether to complete folders as well.
        also: other words to complete.
    """

    def complete(
        ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        wanted = kinds or tuple(filter(None, [ctx.params.get("kind")]))
        if "[" in incomplete:
            return _parameters(incomplete)
        known = {name for kind in _kinds(wanted) for name in _names(ctx, kind)}
        if "metric" in _kinds(wanted):
            from a2ibench.registry import metrics

            known |= {f"{name}[" for name in metrics.families()}
        items = [CompletionItem(incomplete, type="dir")] if folders else []
        return items + _matching([*sorted(known), *also], incomplete)

    return complete


def kinds(*also: str, plural: bool = False) -> Complete:
    """Complete kinds of plug-ins, and other words."""

    def known() -> list[str]:
        return [*(f"{kind}s" if plural else kind for kind in _kinds(())), *also]

    return lambda ctx, param, incomplete: _matching(known(), incomplete)


def ablations(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete the last part of ``A,B+C`` from the ablations of the models before it."""
    from a2ibench.registry import models

    chosen = ctx.params.get("models") or models.names()
    parts = sorted({part for name in chosen for part in _declared(ctx, name)})
    start = max(incomplete.rfind(sign) for sign in ",+") + 1
    before = incomplete[:start]
    return _matching([f"{before}{part}" for part in [*parts, "all"]], incomplete)


def _parameters(incomplete: str) -> list[CompletionItem]:
    """Complete ``rprec[k=5,ju`` to ``rprec[k=5,judge=``, and the value behind ``=``."""
    from a2ibench import config
    from a2ibench.registry import judges, metrics

    family = metrics.families().get(incomplete.partition("[")[0])
    takes = {} if family is None else config.takes(family)
    start = max(map(incomplete.rfind, "[,")) + 1
    name, equals, _ = incomplete[start:].partition("=")
    before = incomplete[:start]
    if not equals:
        items = [CompletionItem(f"{before}{one}=", help=words) for one, words in takes.items()]
        return [item for item in items if item.value.startswith(incomplete)]
    choices = judges.names() if name == "judge" else takes.get(name, "").split(" | ")
    return _matching([f"{before}{name}={one}" for one in choices if " " not in one], incomplete)


def _matching(words: list[str], incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(word) for word in words if word.startswith(incomplete)]


def _kinds(wanted: tuple[str, ...]) -> list[str]:
    from a2ibench import registry

    singular = {kind.removesuffix("s") for kind in wanted}
    return [one.kind for one in registry.ALL if not singular or one.kind in singular]


def _names(ctx: click.Context, kind: str) -> list[str]:
    from a2ibench.registry import of_kind

    own = (name for tree in _trees(ctx) for name in _registered(tree, kind))
    return [*of_kind(kind).names(), *own]


def _trees(ctx: click.Context) -> Iterator[ast.Module]:
    """Yield the parsed files of ``--plugin``."""
    yield from map(_tree, ctx.params.get("plugins") or ())


def _tree(path: Path) -> ast.Module:
    try:
        return ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return ast.Module([], [])  # half-written or missing: the command itself will say so


def _registered(tree: ast.Module, kind: str) -> dict[str, ast.ClassDef]:
    """Return the classes under ``@models.register`` by their ``name``."""
    found = {}
    for node in _classes(tree):
        for decorator in node.decorator_list:
            if ast.unparse(decorator).split(".")[-2:] == [f"{kind}s", "register"]:
                name = _value(node, "name")
                if isinstance(name, ast.Constant) and isinstance(name.value, str):
                    found[name.value] = node
                elif name is None and kind == "metric":
                    from a2ibench.contracts.metric import snake_case

                    found[snake_case(node.name)] = node
    return found


def _declared(ctx: click.Context, model: str) -> list[str]:
    """Return the ablations of a model, if its class or a base in the same file lists them."""
    from a2ibench.registry import models

    for tree in _trees(ctx):
        if model in (own := _registered(tree, "model")):
            return _ablations(tree, own[model].name)
    if model not in models.names():
        return []
    module, _, name = models.where(model).partition(":")
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):  # a removed package that left its record
        return []
    if spec is None or spec.origin is None:
        return []
    return _ablations(_tree(Path(spec.origin)), name)


def _ablations(tree: ast.Module, name: str) -> list[str]:
    for node in _classes(tree):
        if node.name != name:
            continue
        value = _value(node, "ablations")
        if isinstance(value, ast.Dict):
            return [str(key.value) for key in value.keys if isinstance(key, ast.Constant)]
        bases = [base for base in map(ast.unparse, node.bases) if base != name]  # one imported
        return [part for base in bases for part in _ablations(tree, base)]
    return []


def _classes(tree: ast.Module) -> Iterator[ast.ClassDef]:
    return (node for node in tree.body if isinstance(node, ast.ClassDef))


def _value(node: ast.ClassDef, name: str) -> ast.expr | None:
    for line in node.body:
        if isinstance(line, ast.Assign | ast.AnnAssign):
            targets = line.targets if isinstance(line, ast.Assign) else [line.target]
            if any(isinstance(target, ast.Name) and target.id == name for target in targets):
                return line.value
    return None


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
def completion(shell: str) -> None:
    """Print the script that lets a SHELL complete commands, options and names.

    bash: eval "$(a2ibench completion bash)" in ~/.bashrc; zsh: the same with zsh in ~/.zshrc;
    fish: a2ibench completion fish > ~/.config/fish/completions/a2ibench.fish
    """
    made = get_completion_class(shell)
    assert made is not None  # click has all three
    main = click.get_current_context().find_root().command
    click.echo(made(main, {}, PROGRAM, VARIABLE).source())
