"""README.md and README.ja.md say the same: sections, commands, figures, links."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.unit.test_shell_docs import rows_of

ROOT = Path(__file__).parents[2]
ENGLISH = (ROOT / "README.md").read_text(encoding="utf-8")
JAPANESE = (ROOT / "README.ja.md").read_text(encoding="utf-8")
OTHER_LANGUAGE = {"README.md", "README.ja.md", "docs/tutorial.md", "docs/tutorial.ja.md"}


def blocks(page: str) -> list[str]:
    """Return the code blocks of a page without what a language may say in them."""
    found = re.findall(r"^```\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    return [re.sub(r'--(purpose|owner) "[^"]*"| --language ja', "", block) for block in found]


def test_the_sections_are_the_same_in_number_and_order_of_what_they_hold() -> None:
    def shape(page: str) -> list[tuple[int, int, int]]:
        parts = re.split(r"^## ", page, flags=re.MULTILINE)
        return [(part.count("```"), part.count("\n- "), part.count("\n|")) for part in parts]

    assert shape(JAPANESE) == shape(ENGLISH)


def test_the_code_blocks_are_the_same() -> None:
    assert blocks(JAPANESE) == blocks(ENGLISH)
    assert len(blocks(ENGLISH)) >= 6


def test_the_figures_are_of_the_same_commands_in_the_same_order() -> None:
    def commands(page: str) -> list[str]:
        return [row[2].replace("同上", "the same") for row in rows_of(page)[2:]]

    assert commands(JAPANESE) == commands(ENGLISH)


@pytest.mark.parametrize("figure", re.findall(r"\*\*([^*]+)\*\*", ENGLISH))
def test_the_figures_that_matter_are_the_same(figure: str) -> None:
    number = re.findall(r"[\d.]+", figure)[0]
    assert re.search(rf"\*\*[^*]*{re.escape(number)}[^*]*\*\*", JAPANESE), figure


def test_the_links_lead_to_the_same_places() -> None:
    def links(page: str) -> set[str]:
        return set(re.findall(r"\]\(([^)]+)\)", page)) - OTHER_LANGUAGE

    assert links(JAPANESE) == links(ENGLISH)
