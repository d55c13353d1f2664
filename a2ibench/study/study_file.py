"""A study's file: what ``a2ibench run`` is asked for, in YAML.

Paths in it start at the file's own folder. ``provenance`` may hold anything: it is read by people.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from a2ibench import registry
from a2ibench.errors import UserError, unknown
from a2ibench.storage import whole_file
from a2ibench.study.plan import Request
from a2ibench.study.scale import get_scale

NAME = "study.yaml"

Scalar = bool | int | float | str
Names = Annotated[list[str], BeforeValidator(lambda one: [one] if isinstance(one, str) else one)]


class StudyFile(BaseModel):
    """Every key that a file may have; one that is missing has the command line's default."""

    model_config = ConfigDict(extra="forbid", strict=True)

    models: Names | None = None
    ablate: Names | None = None
    dataset: Names | None = None
    encoder: Names | None = None
    seeds: int | None = Field(None, ge=1)
    scale: str | None = None
    images: int | None = Field(None, ge=1)
    settings: dict[str, dict[str, Scalar | list[Scalar]]] = {}
    metrics: Names | None = None
    executor: str | None = None
    gpus_per_trial: float | None = None
    out: str | None = None
    provenance: dict[str, Any] = {}


def read_study_file(path: Path) -> dict[str, Any]:
    """The keys that a file sets, checked; paths of folders are whole.

    Raises:
        UserError: no such file, no YAML, an unknown key, a key twice, or a value of a wrong type.
    """
    content, root = read_yaml(path)
    try:
        file = StudyFile.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = [one for one in first["loc"] if isinstance(one, int) or _names(root, one)]
        where = f"{path}, line {line_of(root, place)}"
        if first["type"] == "extra_forbidden":
            key = str(first["loc"][-1])
            raise unknown(f"key ({where})", key, StudyFile.model_fields) from error
        name = ".".join(map(str, place)) or "the file"
        option = place[0] == "settings" and len(place) > 2
        said = "expected a number, a word, true, false, or a list of these"
        said = said if option else str(first["msg"])
        raise UserError(f"{where}: {name}: {said}, got {first['input']!r}") from error
    given = {name: getattr(file, name) for name in file.model_fields_set - {"provenance"}}
    found = {name: value for name, value in given.items() if value is not None}
    if "dataset" in found:
        found["dataset"] = [_place(name, path.parent) for name in found["dataset"]]
    if "out" in found:
        found["out"] = path.parent / found["out"]
    return found


def save_requests(folder: Path, requests: Sequence[Request]) -> None:
    """Writes ``folder/study.yaml``, which asks for the same jobs again, in the same folder.

    How they are run (the executor, plug-in files) is not part of it.

    Args:
        folder: of a study, or of the studies of several datasets and encoders.
        requests: one, or one for each combination of datasets and encoders.
    """
    first = requests[0]
    settings: dict[str, Any] = {}
    for request in requests:
        settings |= {owner: dict(values) for owner, values in request.settings.items()}
    write_study_file(
        folder / NAME,
        {
            "models": first.models,
            "ablate": first.ablate,
            "dataset": list(dict.fromkeys(request.dataset for request in requests)),
            "encoder": list(dict.fromkeys(request.encoder for request in requests)),
            "seeds": first.seeds,
            "scale": first.scale,
            "images": first.images or get_scale(first.scale).images,
            "settings": settings,
            "metrics": first.metrics,
        },
    )


def write_study_file(path: Path, values: Mapping[str, Any], out: str | None = ".") -> None:
    """Writes a file.

    Args:
        path: the file.
        values: of the keys; what is None, or an empty list or mapping, is left out.
        out: where a study of it goes, from the file's folder: by default into that folder itself.
    """
    kept = {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in {**values, "out": out}.items()
        if value is not None and value not in ([], (), {})
    }
    if "dataset" in kept:
        kept["dataset"] = [
            name if name in registry.datasets.names() else str(Path(name).expanduser().resolve())
            for name in kept["dataset"]
        ]
    with whole_file(path) as temporary:
        text = yaml.safe_dump(kept, sort_keys=False, allow_unicode=True, width=100)
        temporary.write_text(text, encoding="utf-8")


def read_yaml(path: Path) -> tuple[Any, yaml.Node]:
    """A YAML file's plain values and its nodes, which know their lines.

    Raises:
        UserError: no such file, no YAML, nothing in it, or a key twice.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file")
    try:
        text = path.read_text(encoding="utf-8")
        root = yaml.compose(text, yaml.SafeLoader)
        content = yaml.safe_load(text)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise UserError(f"{path}: no YAML: {' '.join(str(error).split())}") from error
    if not isinstance(root, yaml.MappingNode):
        raise UserError(f"{path}: expected lines of the form `key: value`")
    for key in _twice(root):
        raise UserError(f"{path}, line {key.start_mark.line + 1}: {key.value!r} stands there twice")
    return content, root


def line_of(root: yaml.Node, place: Sequence[str | int]) -> int:
    """The line, from 1, of what lies at some keys and positions, as far down as there is any."""
    node, line = root, root.start_mark.line + 1
    for step in place:
        if isinstance(node, yaml.MappingNode):
            pairs = {key.value: (key, value) for key, value in node.value}
            if str(step) not in pairs:
                break
            key, node = pairs[str(step)]
            line = key.start_mark.line + 1
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int):
            node = node.value[step]
            line = node.start_mark.line + 1
    return line


def _names(root: yaml.Node, step: str) -> bool:
    """Whether a step of pydantic's is a key; it names the alternatives of a type as well."""
    if not isinstance(root, yaml.MappingNode):
        return False
    return any(key.value == step or _names(value, step) for key, value in root.value)


def _twice(root: yaml.MappingNode, depth: int = 3) -> Iterator[yaml.Node]:
    seen = set()
    for key, value in root.value:
        if key.value in seen:
            yield key
        seen.add(key.value if isinstance(key.value, str) else id(key))
        if depth and isinstance(value, yaml.MappingNode):
            yield from _twice(value, depth - 1)


def _place(name: str, folder: Path) -> str:
    """A dataset's name as it is, a folder's whole path."""
    if name in registry.datasets.names() or not (folder / name).is_dir():
        return name
    return str((folder / name).resolve())
