"""Write a small working plug-in as a starting file."""

import ast
import shlex
from keyword import iskeyword
from pathlib import Path

from a2ibench import registry
from a2ibench.errors import UserError
from a2ibench.storage import atomic_write

KINDS = ("model", "metric", "dataset", "encoder", "judge")


def write(kind: str, name: str, folder: Path) -> Path:
    """Write ``NAME.py``.

    Args:
        kind: one of :data:`KINDS`.
        name: of the plug-in, a Python identifier.
        folder: of the file; made if it is missing.

    Returns:
        The file.

    Raises:
        UserError: the name is invalid or taken, or the file exists.
    """
    import jinja2

    _check_name(kind, name)
    path = folder / f"{name}.py"
    if path.exists():
        raise UserError(f"{path}: exists and is not overwritten; choose another name")
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("a2ibench.scaffold"),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701  # Python, not HTML; the name is an identifier
    )
    class_name = "".join(part[:1].upper() + part[1:] for part in name.split("_"))
    text = environment.get_template(f"{kind}.py.j2").render(name=name, class_name=class_name)
    if iskeyword(class_name) or class_name in _imported(text):
        raise UserError(
            f"name {name!r}: the class would be {class_name}, which has another meaning there;"
            f" expected a name like my_{kind}"
        )
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return path


def _imported(text: str) -> set[str]:
    """Return the names that a file imports."""
    imports = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ImportFrom)]
    return {alias.name for node in imports for alias in node.names}


def _check_name(kind: str, name: str) -> None:
    if not (name.isidentifier() and name.isascii() and name.strip("_")) or iskeyword(name):
        raise UserError(
            f"name {name!r}: expected letters, digits and _, no digit first, as in my_{kind}"
        )
    one = registry.of_kind(kind)
    if name in one:
        raise UserError(
            f"a {kind} {name!r} already exists ({one.where(name)}); choose another name"
        )


def commands(path: Path) -> list[str]:
    """Return the commands to run next: the indented lines of the file's docstring."""
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")), clean=False) or ""
    lines = [line.strip() for line in text.splitlines() if line.startswith("    ")]
    return [line.replace(path.name, shlex.quote(str(path))) for line in lines]
