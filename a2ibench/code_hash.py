"""The code that makes a plug-in's result, as a hash: a changed plug-in is another plug-in."""

import ast
import functools
import hashlib
import inspect
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import CodeType

from a2ibench.printable import printable

CORE = Path(__file__).parent
ROOMS = ("nn", "soundnet")
"""Rooms of the bench whose modules count as code of the plug-ins that import them. The others are
guarded by :data:`a2ibench.protocol.PROTOCOL`."""
LIBRARIES = ("abc", "builtins", "torch", "typing")


def source_hash(plugin: type) -> str:
    """Return the hash of a plug-in's code: 64 hexadecimal digits, the same on every machine.

    It covers the modules that define the class and its bases, and what these import, transitively,
    from the plug-in's own package or folder and from the bench's layers (:data:`ROOMS`). Comments,
    docstrings and layout do not count. A class without a file, as in a notebook, counts by its
    compiled functions.
    """
    digest = hashlib.sha256()
    for part in sorted({part for _, part in _parts(plugin)}):
        digest.update(bytes.fromhex(part))
    return digest.hexdigest()


def source_hashes(plugin: type) -> dict[str, str]:
    """Return the parts of the code behind :func:`source_hash`, each with its hash.

    Parts are named as messages name them: a file of the bench by its path, the file of a class
    after that class (a run may have been trained with another copy), any other by its file's name.
    """
    return dict(_parts(plugin))


def code_changes(plugin: type, before: Mapping[str, str] | None) -> str:
    """Return which parts of a plug-in's code are others than before; empty where none is.

    ``before`` holds its :func:`source_hashes` then; None where they are not known. Parts that did
    not count by the present rule (:func:`has_earlier_rule`) are left out.
    """
    if before is None:
        return "it is not known which file"
    now = source_hashes(plugin)
    then = {name: part for name, part in before.items() if _counts(name)}
    changed = sorted(name for name in now.keys() & then.keys() if now[name] != then[name])
    new, gone = sorted(now.keys() - then.keys()), sorted(then.keys() - now.keys())
    return "; ".join(
        what + ", ".join(map(printable, names))
        for what, names in (("", changed), ("new: ", new), ("gone: ", gone))
        if names
    )


def has_earlier_rule(before: Mapping[str, str] | None) -> bool:
    """Return whether parts are those of a version that counted other rooms of the bench as well."""
    return before is None or not all(map(_counts, before))


def _counts(part: str) -> bool:
    """Return whether a part, as messages name it, counts as code of a plug-in."""
    top, *rest = part.split("/")
    return top != __package__ or not rest or rest[0] in ROOMS


def _parts(plugin: type) -> Iterator[tuple[str, str]]:
    own = [base for base in plugin.__mro__ if base.__module__.partition(".")[0] not in LIBRARIES]
    found: dict[Path, str] = {}
    after: dict[Path, str] = {}
    for base in own:
        top, *rest = base.__module__.split(".")
        if top == __package__ and rest[:1] and rest[0] not in ROOMS:
            continue
        try:
            path = Path(inspect.getfile(base)).resolve()
        except (TypeError, OSError):
            path = Path()
        if path.suffix == ".py" and path.is_file():
            _follow(path, base.__module__, found)
            after.setdefault(path, f"the file of {base.__qualname__}")
        else:
            yield f"the class {base.__qualname__}", _compiled(base)
    core = CORE.resolve()
    for path, part in found.items():
        if path.is_relative_to(core):
            yield path.relative_to(core.parent).as_posix(), part
        else:
            yield after.get(path, path.name), part


def _follow(path: Path, module: str, found: dict[Path, str]) -> None:
    """Add a module and what it imports of its own package and of the bench's layers."""
    if path in found:
        return
    found[path], imports = _read(path.read_bytes())
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for level, name in imports:
        parent = package.split(".")[: len(package.split(".")) - level + 1] if level else []
        whole = ".".join([*parent, name] if name else parent)
        if (target := _locate(whole, path, module)) is not None:
            _follow(target, whole, found)


def _locate(name: str, importer: Path, module: str) -> Path | None:
    """Return the file of an imported module; None for a library's, and for what is no module."""
    top, *rest = name.split(".")
    depth = module.count(".") + (importer.name == "__init__.py")  # folders up to the package's own
    if top == __package__ or module.partition(".")[0] == __package__:
        if top != __package__ or not rest or rest[0] not in ROOMS:
            return None
        root = CORE
    elif top == module.partition(".")[0] and depth:
        root = importer.parents[depth - 1]
    elif not depth and "site-packages" not in importer.parts:
        root, rest = importer.parent, [top, *rest]  # a file of the user's, and those beside it
    else:
        return None
    for path in (root.joinpath(*rest).with_suffix(".py"), root.joinpath(*rest, "__init__.py")):
        if rest and path.is_file():
            return path.resolve()
    return None


@functools.lru_cache(maxsize=1024)
def _read(content: bytes) -> tuple[str, tuple[tuple[int, str], ...]]:
    """Return the hash of a module's code, and what it imports: ``(level, name)``."""
    try:
        tree = ast.parse(content)
    except (SyntaxError, ValueError, RecursionError):  # edited since it was imported
        return hashlib.sha256(content).hexdigest(), ()
    imports = tuple(dict.fromkeys(_imports(tree)))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                node.body[0] = ast.Pass()
    return hashlib.sha256(ast.unparse(tree).encode()).hexdigest(), imports


def _imports(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((0, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.level, node.module or ""
            for alias in node.names:  # may be modules themselves
                yield node.level, f"{node.module}.{alias.name}" if node.module else alias.name


def _compiled(plugin: type) -> str:
    """Return a hash of the functions of a class."""
    parts = [plugin.__qualname__]
    for name, value in sorted(vars(plugin).items()):
        function = getattr(value, "__func__", getattr(value, "fget", value))
        if isinstance(code := getattr(function, "__code__", None), CodeType):
            parts += [name, *_instructions(code)]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _instructions(code: CodeType) -> Iterator[str]:
    yield code.co_code.hex()
    yield repr(code.co_names)
    for value in code.co_consts:
        if isinstance(value, CodeType):
            yield from _instructions(value)
        else:
            yield repr(value)
