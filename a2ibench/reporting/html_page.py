"""Pages: one file each, which asks no network for anything."""

import base64
import functools
import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from a2ibench.storage import atomic_write

if TYPE_CHECKING:
    import jinja2
    from markupsafe import Markup


@functools.cache
def _environment() -> "jinja2.Environment":
    import jinja2

    return jinja2.Environment(
        loader=jinja2.PackageLoader("a2ibench.reporting"),
        autoescape=True,  # whatever comes from data is text wherever it stands
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def render(source: str, /, **values: Any) -> "Markup":
    """Return a part of a page from the source of its template."""
    from markupsafe import Markup

    return Markup(_environment().from_string(source).render(**values))  # noqa: S704 (escaped above)


def write_html(template: str, path: Path, script: str | None = None, **values: Any) -> None:
    """Write a page from a template in ``templates/``, whole or not at all.

    The page's own script there comes to the template as ``script``, with the hash by which the
    page's policy allows it, and nothing else, as ``script_hash``.
    """
    from markupsafe import Markup

    if script is not None:
        text = _environment().get_template(script).render()
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        values |= {"script": Markup(text), "script_hash": f"sha256-{digest}"}  # noqa: S704 (our own)
    page = _environment().get_template(template).render(**values)
    with atomic_write(path) as temporary:
        temporary.write_text(page, encoding="utf-8")


def key_of(path: Path) -> str | None:
    """Return the key that a page carries in its head; None without a page, or a key in it."""
    try:
        with path.open(encoding="utf-8") as page:
            head = page.read(4_096)
    except (OSError, ValueError):
        return None
    found = re.search(r'<meta name="a2ibench-key" content="(\w+)">', head)
    return found[1] if found else None
