"""Place the labels of a picture's points so that none covers another label or a point."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

#: Mean width of a character as a share of the font size; wide, so that estimates err apart.
_CHARACTER_WIDTH = 0.62
_BOLD_WIDTH = 0.7
_LINE_HEIGHT = 1.3
_RINGS = (1.0, 1.6, 2.2, 3.6, 5.2, 7.0)
_NEAR_RINGS = 2.0


@dataclass(frozen=True)
class Box:
    """A rectangle in pixels."""

    left: float
    top: float
    right: float
    bottom: float

    def overlaps(self, other: Box) -> bool:
        """Tell whether the two share an area."""
        return (
            self.left < other.right
            and other.left < self.right
            and self.top < other.bottom
            and other.top < self.bottom
        )

    def inside(self, other: Box) -> bool:
        """Tell whether this lies wholly within the other."""
        return (
            self.left >= other.left
            and self.right <= other.right
            and self.top >= other.top
            and self.bottom <= other.bottom
        )


@dataclass(frozen=True)
class Label:
    """A label that found its place; ``distant`` asks for a line to its point."""

    box: Box
    distant: bool


def text_width(text: str, font_px: float, bold: bool) -> float:
    """Estimate how wide a text is drawn: the reader's font is not known here."""
    return len(text) * font_px * (_BOLD_WIDTH if bold else _CHARACTER_WIDTH)


def place_labels(
    anchors: Sequence[tuple[float, float, float]],
    area: Box,
    font_px: float,
    soft: Sequence[Box] = (),
    marker_px: float = 7.0,
) -> list[Label | None]:
    """Return a place for the label of each (x, y, width), or None where there is no room.

    Labels never cover each other or a point; they avoid the ``soft`` boxes (error bars, the
    front's line) where they can. Earlier anchors choose first.
    """
    points = [
        Box(x - marker_px, y - marker_px, x + marker_px, y + marker_px) for x, y, _ in anchors
    ]
    placed: list[Label | None] = []
    taken: list[Box] = list(points)
    for x, y, width in anchors:
        height = font_px * _LINE_HEIGHT
        best: tuple[float, Label] | None = None
        for ring in _RINGS:
            for cost, box in _candidates((x, y), (width, height), marker_px * ring + 2.0):
                if not box.inside(area) or any(box.overlaps(other) for other in taken):
                    continue
                crossed = sum(box.overlaps(other) for other in soft)
                total = cost + ring + 2.0 * crossed
                if best is None or total < best[0]:
                    best = (total, Label(box, distant=ring > _NEAR_RINGS))
        placed.append(best[1] if best is not None else None)
        if best is not None:
            taken.append(best[1].box)
    return placed


def _candidates(
    point: tuple[float, float], size: tuple[float, float], gap: float
) -> list[tuple[float, Box]]:
    """Return boxes around a point, each with what it costs to read it as that point's label."""
    (x, y), (width, height) = point, size
    half = height / 2.0
    near = gap * 0.7
    places = (
        (0.0, x + gap, y - half),
        (0.3, x - gap - width, y - half),
        (0.4, x - width / 2.0, y - gap - height),
        (0.4, x - width / 2.0, y + gap),
        (0.5, x + near, y - near - height),
        (0.5, x + near, y + near),
        (0.6, x - near - width, y - near - height),
        (0.6, x - near - width, y + near),
    )
    return [(cost, Box(left, top, left + width, top + height)) for cost, left, top in places]
