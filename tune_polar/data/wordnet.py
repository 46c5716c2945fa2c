"""Synonyms of English words in WordNet's own files, as Debian's package wordnet-base has them (wndb(5WN))."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from tune_polar.errors import DataError

FOLDER = Path("/usr/share/wordnet")  # of Debian's wordnet-base
POS = ("noun", "verb", "adj", "adv")  # of its files
_HEADER = "  "  # its licence stands above, each line behind two spaces
_REMEDY = (
    "Install WordNet (Debian: `apt-get install wordnet-base`) or name its folder with --wordnet; or give a column of "
    "further texts of your own."
)


class WordNet:
    """Reads the indexes of ``folder`` once and looks words up in its data files.

    Args:
        folder: with ``index.noun``, ``data.noun`` and the like.

    Raises:
        DataError: a file is not there, or not WordNet's.

    Example:
        >>> WordNet(Path("/usr/share/wordnet")).synonyms("car")
        ('auto', 'automobile', 'machine', 'motorcar')
    """

    def __init__(self, folder: Path = FOLDER) -> None:
        self._folder = folder
        self._first = {pos: self._index(pos) for pos in POS}
        self._data = {pos: self._bytes(f"data.{pos}") for pos in POS}
        self.synonyms = cache(self._synonyms)

    def _synonyms(self, word: str) -> tuple[str, ...]:
        """What means the same as ``word`` in its most frequent sense as each part of speech, in order of the letters.

        Words as they stand alone are known: no plurals, no past tenses. None: no word of WordNet, or it stands alone.
        """
        word = word.lower()
        found = set()
        for pos, first in self._first.items():
            if word in first:
                found |= self._words(pos, first[word])
        return tuple(sorted(found - {word}))

    def _index(self, pos: str) -> dict[str, int]:
        """The place of the first sense of each word that has no blank in it: ``lemma pos senses … offset offset``."""
        name, found = f"index.{pos}", dict[str, int]()
        for number, line in enumerate(self._bytes(name).decode("utf-8", "replace").splitlines(), 1):
            parts = line.split()
            if line.startswith(_HEADER) or not parts or "_" in parts[0]:
                continue
            try:
                found[parts[0]] = int(parts[-int(parts[2])])
            except (ValueError, IndexError):
                raise DataError(
                    f"{self._folder / name}:{number}: must be a line of WordNet's index, got {line[:60]!r}", _REMEDY
                ) from None
        return found

    def _words(self, pos: str, offset: int) -> set[str]:
        """Of one sense: ``offset file type COUNT word id word id …``, the count hexadecimal."""
        line = self._data[pos][offset : offset + 20_000].partition(b"\n")[0].decode("utf-8", "replace")
        parts = line.split()
        try:
            if int(parts[0]) != offset:
                raise ValueError
            words = [parts[4 + 2 * place] for place in range(int(parts[3], 16))]
        except (ValueError, IndexError):
            raise DataError(
                f"{self._folder / f'data.{pos}'}: must have a sense at byte {offset}, got {line[:60]!r}", _REMEDY
            ) from None
        return {word.partition("(")[0].replace("_", " ") for word in words}  # "galore(ip)": where it may stand

    def _bytes(self, name: str) -> bytes:
        try:
            return (self._folder / name).read_bytes()
        except OSError as error:
            raise DataError(
                f"{self._folder}: must be a folder with WordNet's files, but {name}: {error.strerror}", _REMEDY
            ) from None
