"""A verdict as a badge: a picture of its own, or the JSON that shields.io draws one from."""

from __future__ import annotations

import json
from xml.sax.saxutils import escape

from slmbench.render.text_table import one_line
from slmbench.schema.verdict import VerdictKind

_COLOURS = {
    "PASS": ("brightgreen", "#3c8c14"),
    "FAIL": ("red", "#c8301e"),
    "INCONCLUSIVE": ("yellow", "#8a6d00"),
    "NOT_COMPARABLE": ("orange", "#b4540a"),
    "ERROR": ("lightgrey", "#6b6b6b"),
}
_LETTER_WIDTH, _PADDING, _LONGEST = 7, 6, 40


def render_badge_json(policy: str, verdict: VerdictKind | None) -> str:
    """Return the endpoint document of shields.io (schemaVersion 1); None is no verdict."""
    word = verdict or "ERROR"
    document = {
        "schemaVersion": 1,
        "label": _label(policy),
        "message": _message(word),
        "color": _COLOURS[word][0],
        "isError": verdict is None,
    }
    return json.dumps(document, allow_nan=False, ensure_ascii=False) + "\n"


def render_badge_svg(policy: str, verdict: VerdictKind | None) -> str:
    """Return a picture that names policy and verdict in words, for who sees no colours too."""
    word = verdict or "ERROR"
    label, message = escape(_label(policy)), escape(_message(word))
    left, right = (
        _LETTER_WIDTH * len(text) + 2 * _PADDING for text in (_label(policy), _message(word))
    )
    said = f"{label}: {message}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + right}" height="20" role="img">\n'
        f"<title>{said}</title>\n"
        f'<rect width="{left + right}" height="20" rx="3" fill="#444"/>\n'
        f'<rect x="{left}" width="{right}" height="20" rx="3" fill="{_COLOURS[word][1]}"/>\n'
        f'<rect x="{left}" width="4" height="20" fill="{_COLOURS[word][1]}"/>\n'
        '<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11" '
        'text-anchor="middle">\n'
        f"{_words(label, left / 2, left)}{_words(message, left + right / 2, right)}"
        "</g>\n</svg>\n"
    )


def _words(text: str, middle: float, width: int) -> str:
    return f'<text x="{middle:g}" y="14" textLength="{width - 2 * _PADDING}">{text}</text>\n'


def _label(policy: str) -> str:
    text = one_line(f"gate {policy}")
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _message(word: str) -> str:
    return word.lower().replace("_", " ")
