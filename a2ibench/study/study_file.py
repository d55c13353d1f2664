"""A study's file: the request to ``a2ibench run``, in YAML.

Paths in it start at the file's own folder. ``provenance`` may hold anything: it is read by people.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from a2ibench import registry
from a2ibench.config import MAX_IMAGES, MAX_SEEDS
from a2ibench.errors import UserError, unknown
from a2ibench.results.study import AS_RUN, NAME
from a2ibench.storage import atomic_write, expanded
from a2ibench.study.request import Request
from a2ibench.study.scale import get_scale

HEAD = "# Written by `a2ibench run`, and again by the next one: change a copy.\n"
TEXTS = {"out", "dataset", "encoder"}
"""Keys whose value is a name or a path: ``0010`` is no eight."""
SAME = {"executor", "out"}
"""Keys for the run of a study, which leave its jobs the same."""

LARGEST = 2**20
"""Bytes of a file."""
MAX_VALUES = 10_000
"""Largest number of values in a file; a study of hundreds of arms has fewer."""
LONGEST = 100
"""Characters of a wrong value that a message repeats."""

Scalar = bool | int | float | str
AsList = BeforeValidator(lambda one: one if isinstance(one, list) else [one])
Names = Annotated[list[str], AsList]
Budgets = Annotated[list[Annotated[int, Field(ge=1, le=MAX_IMAGES)]], AsList]


class PrimaryKeys(BaseModel):
    """The keys of ``primary``."""

    model_config = ConfigDict(extra="forbid", strict=True)

    metrics: Names = []
    contrasts: Names = []


class StudyFile(BaseModel):
    """Every key that a file may have; one that is missing has the command line's default."""

    model_config = ConfigDict(extra="forbid", strict=True)

    models: Names | None = None
    ablate: Names | None = None
    dataset: Names | None = None
    encoder: Names | None = None
    seeds: int | None = Field(None, ge=1, le=MAX_SEEDS)
    scale: str | None = None
    images: Budgets | None = None
    settings: dict[str, dict[str, Scalar | list[Scalar]]] = {}
    metrics: Names | None = None
    primary: PrimaryKeys | None = None
    executor: str | None = None
    gpus_per_trial: float | None = None
    out: str | None = None
    provenance: dict[str, Any] = {}


def read_study_file(path: Path) -> dict[str, Any]:
    """Return the keys that a file sets, checked; paths of folders are absolute.

    Raises:
        UserError: no such file, no YAML, an unknown key, a key twice, or a value of a wrong type.
    """
    content, root = read_yaml(path)
    try:
        file = StudyFile.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        place, line = locate(root, first["loc"])
        where = f"{path}, line {line}"
        if first["type"] == "extra_forbidden":
            key = str(first["loc"][-1])
            inside = PrimaryKeys if first["loc"][0] == "primary" else StudyFile
            raise unknown(f"key ({where})", key, inside.model_fields) from error
        name = ".".join(map(str, place)) or "the file"
        option = place[0] == "settings" and len(place) > 2
        said = "expected a number, a word, true, false, or a list of these"
        said = said if option else str(first["msg"])
        raise UserError(f"{where}: {name}: {said}, got {_short(first['input'])}") from error
    given = {name: getattr(file, name) for name in file.model_fields_set - {"provenance"}}
    found = {name: value for name, value in given.items() if value is not None}
    if "primary" in found:
        found["primary"] = found["primary"].model_dump()
    if "dataset" in found:
        found["dataset"] = [_place(name, path.parent) for name in found["dataset"]]
    if "out" in found:
        found["out"] = path.parent / found["out"]
    return found


def save_requests(
    folder: Path,
    requests: Sequence[Request],
    settings: Mapping[str, Mapping[str, Any]] | None = None,
) -> None:
    """Write ``folder/study.yaml``, which asks for the same jobs again, in the same folder.

    How they are run (the executor, plug-in files) is not part of it, but for several GPUs per
    trial, which change its result. A file that somebody wrote is kept; where it asks for something
    else, ``study-as-run.yaml`` is written beside it.

    Args:
        folder: of a study, or of the studies of several datasets and encoders.
        requests: one, or one for each combination of datasets and encoders.
        settings: those of all combinations; None for those of a single request.
    """
    first = requests[0]
    settings = first.settings if settings is None else settings
    _write(
        folder,
        {
            "models": first.models,
            "ablate": first.ablate,
            "dataset": list(dict.fromkeys(request.dataset for request in requests)),
            "encoder": list(dict.fromkeys(request.encoder for request in requests)),
            "seeds": first.seeds,
            "scale": first.scale,
            "images": first.images or (get_scale(first.scale).images,),
            "settings": {
                owner: dict(values) for owner, values in settings.items() if owner != first.executor
            },
            "metrics": first.metrics,
            "primary": first.primary.written,
            "gpus_per_trial": first.workers if first.workers > 1 else None,
        },
    )


def file_of(folder: Path) -> Path:
    """Return the path of the file with a study's latest request; it need not be there."""
    as_run = folder / AS_RUN
    return as_run if as_run.is_file() else folder / NAME


def _write(folder: Path, values: Mapping[str, Any]) -> None:
    path = folder / NAME
    (folder / AS_RUN).unlink(missing_ok=True)
    if not path.is_file() or path.read_bytes().startswith(HEAD.encode()):
        write_study_file(path, values)
        return
    write_study_file(folder / AS_RUN, values)
    with suppress(UserError):
        if _asked(path) == _asked(folder / AS_RUN):
            (folder / AS_RUN).unlink()


def _asked(path: Path) -> dict[str, Any]:
    """Return what a file asks for, with the defaults of the command line for all that it omits."""
    usual = {
        "ablate": [], "dataset": ["arcade"], "encoder": ["soundnet8"], "seeds": Request.seeds,
        "scale": "small", "settings": {}, "metrics": [], "executor": Request.executor,
        "primary": PrimaryKeys().model_dump(),
    }  # fmt: skip
    asked = {**usual, **read_study_file(path)}
    asked.setdefault("images", [get_scale(asked["scale"]).images])
    asked["settings"] = {o: v for o, v in asked["settings"].items() if o != asked["executor"]}
    asked["gpus_per_trial"] = max(1, asked.get("gpus_per_trial", 1))  # a share changes nothing
    return {name: value for name, value in asked.items() if name not in SAME}


def write_study_file(path: Path, values: Mapping[str, Any], out: str | None = ".") -> None:
    """Write a file.

    Args:
        values: of the keys; what is None, or an empty list or mapping, is left out.
        out: where a study of it goes, from the file's folder: by default into that folder itself.
    """
    kept = {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in {**values, "out": out}.items()
        if value is not None and value not in ([], (), {})
    }
    if len(kept.get("images", ())) == 1:
        (kept["images"],) = kept["images"]
    if "dataset" in kept:
        kept["dataset"] = [
            name if name in registry.datasets.names() else str(expanded(name).resolve())
            for name in kept["dataset"]
        ]
    with atomic_write(path) as temporary:
        text = yaml.safe_dump(kept, sort_keys=False, allow_unicode=True, width=100)
        temporary.write_text(HEAD * (path.name in (NAME, AS_RUN)) + text, encoding="utf-8")


def read_yaml(path: Path) -> tuple[Any, yaml.Node]:
    """Return a YAML file's plain values, and its nodes, which know their lines.

    Raises:
        UserError: no such file, no YAML, nothing in it, or a key twice.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file")
    if (size := path.stat().st_size) > LARGEST:
        raise UserError(f"{path}: {size:,} bytes; expected at most {LARGEST:,}")
    try:
        text = path.read_text(encoding="utf-8")
        root = yaml.compose(text, yaml.SafeLoader)
        _check_size(path, root)
        content = _keep_texts(yaml.safe_load(text), root)
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # a day that is in no month
        raise UserError(f"{path}: no YAML: {' '.join(str(error).split())}") from error
    if not isinstance(root, yaml.MappingNode):
        raise UserError(f"{path}: expected lines of the form `key: value`")
    for key in _twice(root):
        raise UserError(f"{path}, line {key.start_mark.line + 1}: {key.value!r} stands there twice")
    return content, root


def _keep_texts(content: Any, root: yaml.Node | None) -> Any:
    """Return a file's values with names and paths as written, though they look like numbers."""
    if isinstance(content, dict) and isinstance(root, yaml.MappingNode):
        for key, value in root.value:
            if key.value in TEXTS and isinstance(value, yaml.ScalarNode) and value.style is None:
                content[key.value] = None if content[key.value] is None else value.value
    return content


def _check_size(path: Path, root: yaml.Node | None) -> None:
    """Refuse a file whose aliases make much out of little, or a value out of itself."""
    sizes: dict[int, int] = {}
    inside: set[int] = set()

    def size(node: yaml.Node) -> int:
        key = id(node)
        if key in inside:
            raise UserError(
                f"{path}, line {node.start_mark.line + 1}: an alias inside its own value"
            )
        if key not in sizes:
            inside.add(key)
            sizes[key] = 1 + sum(map(size, _below(node)))
            inside.remove(key)
        return sizes[key]

    if root is not None and size(root) > MAX_VALUES:
        raise UserError(
            f"{path}: more than {MAX_VALUES:,} values once its aliases (*name) are filled in;"
            " write them out"
        )


def _below(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [one for pair in node.value for one in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


def locate(root: yaml.Node, steps: Sequence[str | int]) -> tuple[list[str | int], int]:
    """Follow keys and positions down a document as far as they lead; the others are passed over.

    Returns:
        The steps that were found, and the line of the last one, from 1.
    """
    node, line = root, root.start_mark.line + 1
    found = []
    for step in steps:
        inside: dict[str, tuple[yaml.Node, yaml.Node]] = {}
        if isinstance(node, yaml.MappingNode):
            inside = {key.value: (key, value) for key, value in node.value}
        elif isinstance(node, yaml.SequenceNode):
            inside = {str(i): (one, one) for i, one in enumerate(node.value)}
        if str(step) in inside:
            key, node = inside[str(step)]
            line = key.start_mark.line + 1
            found.append(step)
    return found, line


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} …"


def _twice(root: yaml.MappingNode, depth: int = 3) -> Iterator[yaml.Node]:
    seen = set()
    for key, value in root.value:
        if key.value in seen:
            yield key
        seen.add(key.value if isinstance(key.value, str) else id(key))
        if depth and isinstance(value, yaml.MappingNode):
            yield from _twice(value, depth - 1)


def _place(name: str, folder: Path) -> str:
    """Return a dataset's name as it is, or a folder's absolute path."""
    if name in registry.datasets.names() or not (folder / name).is_dir():
        return name
    return str((folder / name).resolve())
