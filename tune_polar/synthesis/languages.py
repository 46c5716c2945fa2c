"""Names of languages: a model that is told "eng" or "khm" writes worse than one that is told English or Khmer."""

from __future__ import annotations

from collections.abc import Mapping

NAMES: Mapping[str, str] = {
    "amh": "Amharic", "arb": "Arabic", "ben": "Bengali", "deu": "German", "eng": "English", "fas": "Persian",
    "fra": "French", "hau": "Hausa", "hin": "Hindi", "ita": "Italian", "jpn": "Japanese", "khm": "Khmer",
    "kor": "Korean", "mya": "Burmese", "nep": "Nepali", "nld": "Dutch", "ori": "Odia", "pan": "Punjabi",
    "pol": "Polish", "por": "Portuguese", "rus": "Russian", "spa": "Spanish", "swa": "Swahili", "tel": "Telugu",
    "tur": "Turkish", "ukr": "Ukrainian", "urd": "Urdu", "vie": "Vietnamese", "zho": "Chinese",
}  # fmt: skip


def written_out(code: str, own: Mapping[str, str]) -> str:
    """The name of a language by its code, a user's own words first; what is no known code is a name itself.

    Example: ``written_out("hin", {}) == "Hindi"``.
    """
    return own.get(code) or NAMES.get(code.lower()) or code
