"""Text that comes from a capture, made harmless and visible before anything shows it."""

# What our own output uses beyond ASCII, for streams that cannot show it; one column stays one column
# wherever alignment depends on it.
_ASCII = str.maketrans(
    {
        "─": "-",
        "│": "|",
        "▶": ">",
        "◀": "<",
        "●": "*",
        "✗": "x",
        "⋮": ":",
        "…": "~",
        "·": "-",
        "–": "-",
        "↔": "=",
        "└": "`",
        "µ": "u",
        "§": "section ",
    }
)


def escape(text: str) -> str:
    """The text with every character that is not printable as `\\x1b`, `\\u202e` and the like.

    That covers C0 and C1 controls, DEL, bidirectional controls, zero-width characters, surrogates and
    line separators: nothing in a capture can move the cursor, reorder a line, or break it.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def to_ascii(text: str) -> str:
    """The text for a stream that has ASCII only."""
    return text.translate(_ASCII).encode("ascii", "backslashreplace").decode("ascii")


def clip(text: str, width: int) -> str:
    """At most `width` characters, the last one `…` if there were more."""
    return text if len(text) <= width else text[: max(width - 1, 0)] + "…"
