"""docs/walk.md is what the stages make; its words quote what is shown."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tools"))
import walk  # noqa: E402


def test_the_page_is_what_the_stages_make():
    assert walk.PAGE.read_text() == walk.page(), "tools/walk.py writes it; read the diff, and its words"


@pytest.mark.parametrize(
    "words, shown, message",
    [
        ("Now `n` is gone.", ("run",), ""),
        ("Now `m` is gone.", ("run",), "the words quote `m`"),
        ("One kernel.", ("run", "settle"), "no line matches settle"),
    ],
)
def test_words_that_no_line_bears_out_are_refused(words, shown, message):
    fault = walk.fault(walk.Step("fuse", words, shown), ["run conv(x -> y)"], ["buffer n"])
    assert fault.startswith(message) and bool(fault) == bool(message)


def test_an_excerpt_says_where_lines_are_left_out():
    assert walk.excerpt("a\nb\nc\nd\ne\n", ("b", "d")) == ["b", "…", "d"]
