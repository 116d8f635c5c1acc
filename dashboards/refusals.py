"""Refusals: the one-line errors of the pipeline, in the language of whoever asked.

An error is raised in English, where nobody knows who reads it: on a terminal, in a log, on a page.
Only a page has a reader with a language. So its sentence is found again here by its pattern, in a
catalogue of the sentences that pages can meet; one that is not in it stays in English.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from string import Formatter

__all__ = ["in_language"]

_LONGEST = 600
"""Characters of a sentence that is looked for; a longer one holds what somebody typed."""
_JOINED = "; "
_PHRASES = frozenset({"field", "own", "problem", "role", "said", "what"})
"""What may be filled in with a phrase that is translated too. All else is somebody's own word: a
camera may be called `admin`."""
_FIELD = re.compile(r"(?P<field>[a-z_]+): (?P<said>.+)", re.DOTALL)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Sentence:
    english: re.Pattern[str]
    letters: int
    """Of the sentence itself, without what is filled in."""
    translated: str


def in_language(text: str, language: str) -> str:
    """Return an error in a language; as it is where that is English, or the catalogue lacks it.

    Several that stand in one line, as `field: what is wrong; field: what is wrong`, are translated
    one by one, and so is what is filled in, where it is a phrase of ours.
    """
    if language == "en" or len(text) > _LONGEST:
        return text
    parts = [_translated(part, language) for part in text.split(_JOINED)]
    # Most sentences have a semicolon of their own: their halves are in no catalogue.
    known = [part for part in parts if part is not None]
    return _JOINED.join(known) if len(known) == len(parts) else _translated(text, language) or text


def _translated(text: str, language: str) -> str | None:
    """Return a sentence or `field: sentence` in a language; None when the catalogue lacks it."""
    whole = _sentence_in(language, text)
    if whole is not None:
        return whole
    field = _FIELD.fullmatch(text)
    said = _sentence_in(language, field["said"]) if field else None
    return f"{field['field']}：{said}" if field and said else None


def _sentence_in(language: str, text: str) -> str | None:
    for sentence in _catalogue(language):
        found = sentence.english.fullmatch(text)
        if found is not None:
            filled = {
                name: (name in _PHRASES and _translated(value, language)) or value
                for name, value in found.groupdict().items()
            }
            return sentence.translated.format(**filled)
    return None


@cache
def _catalogue(language: str) -> Sequence[_Sentence]:
    """Return what there is of a language, the most particular sentences first."""
    file = resources.files("dashboards.text").joinpath(f"refusals.{language}.json")
    texts: dict[str, str] = json.loads(file.read_text(encoding="utf-8"))
    sentences = [_sentence(english, translated) for english, translated in texts.items()]
    return sorted(sentences, key=lambda sentence: -sentence.letters)


def _sentence(english: str, translated: str) -> _Sentence:
    pattern, letters = "", 0
    for literal, name, _, _ in Formatter().parse(english):
        pattern += re.escape(literal) + (f"(?P<{name}>.*?)" if name else "")
        letters += len(literal)
    return _Sentence(english=re.compile(pattern, re.DOTALL), letters=letters, translated=translated)
