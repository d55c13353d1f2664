"""Published protocol: the measurement of a paper, as far as it is public.

Built-in and third-party ones are registered in the same way: an entry point (group
``a2ibench.protocols``), ``--plugin file.py``, or the decorator::

    from a2ibench.contracts.published import PublishedProtocol
    from a2ibench.registry import protocols

    @protocols.register
    class Mine(PublishedProtocol):
        name, title, layout = "mine", "Doe et al. 2027", "folder"
        options = {"image_size": 256}
        metrics = ("kid_lite0",)
"""

from collections.abc import Mapping
from typing import Any, ClassVar


class PublishedProtocol:
    """The contract of a published protocol: facts only, and what is not known is said."""

    name: ClassVar[str]
    title: ClassVar[str]
    """The paper, and the data that it speaks of."""
    layout: ClassVar[str]
    """The dataset that cuts its files."""
    options: ClassVar[Mapping[str, Any]] = {}
    """Options of the layout that are published: sizes, lengths, classes."""
    test_sounds: ClassVar[int | None] = None
    """Number of test sounds; None where it is not stated."""
    pictures_per_sound: ClassVar[int | None] = None
    """Number of pictures that are drawn of each; None where it is not stated."""
    metrics: ClassVar[tuple[str, ...]] = ()
    """The published metrics that are defined here as they are there."""
    public: ClassVar[tuple[str, ...]] = ()
    """Lists and files that are public, and where, one sentence each."""
    not_public: ClassVar[tuple[str, ...]] = ()
    """Gaps: whatever would have to be known to measure the same, one sentence each."""
