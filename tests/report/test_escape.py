"""Nothing that comes from a capture acts on a terminal, whatever way it is shown."""

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from sctpinspect.report.escape import clip, escape, to_ascii
from sctpinspect.report.lines import line

HARMFUL = {"Cc", "Cf", "Cs", "Cn", "Co", "Zl", "Zp"}


@given(st.text(st.characters()))
def test_no_control_bidirectional_or_unassigned_character_is_left(text):
    assert not HARMFUL & {unicodedata.category(character) for character in escape(text)}


def test_what_was_there_is_shown():
    assert escape("\x1b[31m\x07\x7f\x9b") == r"\x1b[31m\x07\x7f\x9b"
    assert escape("a\u202eb\u2028c\nd") == r"a\u202eb\u2028c\nd"
    assert escape("\ud800") == r"\ud800"


@given(st.text(st.characters(categories=["L", "N", "P", "S"])))
def test_printable_text_stays_as_it_is(text):
    assert escape(text) == text


def test_markup_is_text():
    assert line("[bold red]x[/] [link=http://a]").plain == "[bold red]x[/] [link=http://a]"


def test_ascii_keeps_the_width_of_what_the_ladder_draws():
    drawn = "─│▶◀●✗⋮…"
    assert to_ascii(drawn).isascii() and len(to_ascii(drawn)) == len(drawn)


def test_a_clipped_text_says_so():
    assert clip("abcdef", 4) == "abc…" and clip("abcd", 4) == "abcd"
