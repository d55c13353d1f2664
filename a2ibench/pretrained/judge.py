"""The base class of judges whose networks come from files that the user names."""

from collections.abc import Mapping
from typing import ClassVar

from a2ibench.contracts.judge import Judge
from a2ibench.errors import UserError
from a2ibench.extras import require
from a2ibench.pretrained.named_files import NamedFiles
from a2ibench.storage import content_key

EXTRA = "foundation"


class PretrainedJudge(Judge):
    """A judge with :attr:`sources`: it has a fingerprint for each content of those files.

    Raises:
        UserError: the extra ``foundation`` is not installed, or a file is missing or has another
            hash than the user gave.
    """

    sources: ClassVar[tuple[NamedFiles, ...]]

    def __init__(self) -> None:
        super().__init__()
        require(EXTRA, f"judge {self.name}")
        found = [one.hashes() for one in self.sources]
        self._files = {name: sha256 for hashes in found for name, sha256 in hashes.items()}

    @classmethod
    def missing(cls) -> str | None:
        """Return which package, variable or file is missing."""
        try:
            require(EXTRA, "it")
            for one in cls.sources:
                one.find()
        except UserError as error:
            return str(error)
        return None

    def files(self) -> Mapping[str, str]:
        """Return the sha256 of each file by its name."""
        return self._files

    def weights_hash(self) -> str:
        """Return a hash of all files: with another configuration the same weights differ."""
        return content_key(self._files)
