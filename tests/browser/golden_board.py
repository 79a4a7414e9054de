"""A small fixed board, and its pictures: ``python -m tests.browser.golden_board`` takes them anew.

Look at each picture before you keep it: what is golden is what a person found good. They are
Chromium's, in Debian's fonts, with few colours so that they stay small.
"""

from __future__ import annotations

import io
import itertools
import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from slmbench.analyse.board import board
from slmbench.schema.base import Absent
from slmbench.schema.board import Board
from slmbench.schema.record import Origin, RunRecord
from tests.unit.render.board_records import job, measured, record

FOLDER = Path(__file__).resolve().parents[1] / "golden" / "board_page"
#: name -> (width, colour scheme)
VIEWS = {
    "1440": (1440, "light"), "820": (820, "light"), "390": (390, "light"), "dark": (1440, "dark"),
}  # fmt: skip
_COLOURS = 32
#: Squares of so many pixels are compared by their mean: letters may look otherwise.
_BLOCK = 64
#: Another font makes text longer or shorter: a section may be so many times as high, or low.
_STRETCH = 1.25
#: The most that may differ of a section; see `differences`. Six fonts, among them a narrow and two
#: with serifs, moved up to 0.54 of the ink; a section without its content moved 0.65 and more.
MOST_INK, MOST_STEP = 0.6, 12

SECTIONS = """() => [...document.querySelectorAll(
    'body > header, main > .notes, main > section, .pair > section, #stage, #scroll, #advice'
)].filter((each) => each.offsetParent !== null).map((each) => {
    const box = each.getBoundingClientRect();
    const name = each.getAttribute('aria-labelledby') ?? '';
    return [`${each.tagName.toLowerCase()} ${each.id || name}`.trim(),
      [box.left + scrollX, box.top + scrollY, box.width, box.height].map(Math.round)];
})"""


_NOTES = (
    "Numbers of 2 origins stand here: lm-eval 0.4.9, slmbench. Each has rows of its own.",
    "Can't be compared between origins: accuracy/arc_easy/acc_norm: the prompts differ.",
    "Can't be compared between origins: energy/chat/j_per_output_token: some are estimates.",
)


_END = "Math.round(document.querySelector('.pair').getBoundingClientRect().top + scrollY)"


@dataclass(frozen=True)
class Shape:
    """A made-up model: its size in billions of parameters, its accuracy, where it was measured."""

    name: str
    billions: float
    score: float
    kind: str = ""


_MODELS = (
    Shape("harbour-4b-instruct", 4.0, 0.652),
    Shape("meadow-3.8b", 3.8, 0.648),
    Shape("lantern-1.7b-chat", 1.7, 0.571, "fallback"),
    Shape("pebble-1.2b", 1.2, 0.548, "imported"),
    Shape("willow-0.5b-it", 0.5, 0.497, "estimated"),
    Shape("sparrow-0.1b", 0.13, 0.412, "failed"),
)


def golden_board() -> Board:
    """Return the board of the pictures; its notes are fixed, so that no other word moves them."""
    return board(golden_records()).model_copy(update={"notes": _NOTES})


def golden_records() -> list[RunRecord]:
    """Return six runs that hold every sort of mark: ties, gaps, a failure, other sources."""
    return [_run(shape, at) for at, shape in enumerate(_MODELS)]


def _run(shape: Shape, at: int) -> RunRecord:
    billions, kind = shape.billions, shape.kind
    how = "profanity-check 1.9" if kind == "fallback" else "detoxify-original 0.5.4"
    n = 0 if kind == "imported" else 500
    jobs = [
        job("accuracy", task, {"acc_norm": measured(shape.score + add, 0.019, n=n)},
            details={"num_fewshot": 5 if kind == "imported" else 0})
        for task, add in (("arc_easy", 0.05), ("hellaswag", -0.03), ("piqa", 0.09))
    ]  # fmt: skip
    if kind != "imported":
        tox = measured(0.11 + 0.012 * at, 0.02, how=how)
        jobs.append(job("toxicity", "everyday", {"expected_max_toxicity": tox}))
    tpot = 0.006 + 0.02 * billions
    times = {"tpot_s": measured(tpot, 0.05 * tpot, "s")}
    if kind == "failed":
        jobs.append(job("latency", "chat", {}, "failed", reason="out of memory after 512 tokens"))
    else:
        jobs.append(job("latency", "chat", times))
    joules = 0.1 + 1.1 * billions
    meter = "estimated" if kind == "estimated" else "rapl"
    jobs.append(
        job("energy", "chat", {"j_per_output_token": measured(joules, 0.06 * joules, "J", meter)})
    )
    peak = Absent(reason="the process ended before its memory was read")
    held = measured(2.3e9 * billions + 4e8, 4e7 * billions, "bytes")
    jobs.append(job("memory", "chat", {
        "weight_bytes": measured(2e9 * billions, None, "bytes", n=1),
        "peak_resident_bytes": peak if at == 1 else held,
    }))  # fmt: skip
    ended = "failed" if kind == "failed" else "done"
    made = record(shape.name, jobs, created=f"2026-02-0{at + 1}T09:00:00Z", status=ended)
    origin = Origin(tool="lm-eval 0.4.9", form="lm-eval") if kind == "imported" else None
    model = made.model.model_copy(update={"parameter_count": round(1e9 * billions)})
    return made.model_copy(update={"origin": origin, "model": model})


@dataclass(frozen=True)
class Shot:
    """A picture of a whole page, and where its sections lie: name -> x, y, width, height."""

    image: Image.Image
    boxes: Mapping[str, tuple[int, int, int, int]]

    @classmethod
    def of(cls, page: Any) -> Shot:
        """Take the picture of a page that is drawn."""
        boxes = {name: tuple(box) for name, box in page.evaluate(SECTIONS)}
        whole = page.screenshot(full_page=True, animations="disabled")
        image = Image.open(io.BytesIO(whole)).convert("RGB")
        # What stands below the results is text alone: its boxes are enough.
        end = page.evaluate(_END)
        return cls(image.crop((0, 0, image.width, min(end, image.height))), boxes)

    @classmethod
    def kept(cls, name: str) -> Shot:
        """Read a golden one."""
        boxes = json.loads((FOLDER / "sections.json").read_text("utf-8"))[name]
        image = Image.open(FOLDER / f"{name}.png").convert("RGB")
        return cls(image, {key: tuple(box) for key, box in boxes.items()})

    def ink(self, name: str, across: int, down: int) -> tuple[np.ndarray, int]:
        """Return how far a section's squares are from its ground, (down, across), and the ground.

        Both are luminances, 0 to 255; the ground is the commonest one.
        """
        x, y, width, height = self.boxes[name]
        part = np.asarray(self.image.crop((x, y, x + width, y + height)).convert("L"))
        ground = int(np.bincount(part.ravel(), minlength=256).argmax())
        apart = Image.fromarray(np.abs(part.astype(np.int16) - ground).astype(np.uint8))
        squares = apart.resize((across, down), Image.Resampling.BOX)
        return np.asarray(squares, dtype=float), ground


def differences(now: Shot, golden: Shot) -> dict[str, tuple[float, int]]:
    """Return how far each section is from the golden one: (share of its ink, step of its ground).

    A section is cut out first and brought to one size, so that one line more in the section above
    moves nothing. Its ink, in squares, is then as much as what two letters of two fonts share.
    """
    found = {}
    for name, (_, y, width, height) in golden.boxes.items():
        if y + height > golden.image.height:
            continue
        size = max(1, round(width / _BLOCK)), max(1, round(height / _BLOCK))
        (one, ground), (other, usual) = now.ink(name, *size), golden.ink(name, *size)
        share = np.abs(one - other).sum() / max(np.maximum(one, other).sum(), 1.0)
        found[name] = (float(share), abs(ground - usual))
    return found


def troubles(now: Shot, golden: Shot) -> list[str]:
    """Return what is wrong with a picture: nothing where only the font is another."""
    if list(now.boxes) != list(golden.boxes):
        return [f"sections {list(now.boxes)} instead of {list(golden.boxes)}"]
    found = []
    for name, (x, _, width, height) in golden.boxes.items():
        left, _, across, down = now.boxes[name]
        if abs(left - x) > 6 or abs(across - width) > 6:
            found.append(f"{name}: from {left}, {across} wide, instead of {x}, {width}")
        if not height / _STRETCH - 12 <= down <= height * _STRETCH + 12:
            found.append(f"{name}: {down} high instead of {height}")
    found += [f"{one} overlaps {other}" for one, other in _overlaps(now)]
    for name, (share, step) in differences(now, golden).items():
        if share > MOST_INK or step > MOST_STEP:
            found.append(f"{name}: {share:.2f} of its ink is elsewhere, its ground {step} away")
    return found


def _overlaps(shot: Shot) -> list[tuple[str, str]]:
    """Return the sections that cover a part of each other, neither being inside the other."""

    def ends(name: str) -> tuple[int, int, int, int]:
        x, y, width, height = shot.boxes[name]
        return x, y, x + width, y + height

    def inside(a: tuple[int, ...], b: tuple[int, ...]) -> bool:
        return a[0] >= b[0] and a[1] >= b[1] and a[2] <= b[2] and a[3] <= b[3]

    found = []
    for one, other in itertools.combinations(shot.boxes, 2):
        a, b = ends(one), ends(other)
        apart = a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]
        if not (apart or inside(a, b) or inside(b, a)):
            found.append((one, other))
    return found


def few_colours(image: Image.Image) -> Image.Image:
    """Return the picture in its commonest colours, so that grounds keep theirs exactly."""
    counts = sorted(image.getcolors(1 << 24) or [], reverse=True)[:_COLOURS]
    palette = Image.new("P", (1, 1))
    palette.putpalette([part for _, colour in counts for part in colour])
    return image.quantize(palette=palette, dither=Image.Dither.NONE)


def main() -> None:
    """Take all pictures."""
    from playwright.sync_api import sync_playwright

    from tests.browser.board_pages import quiet_page, settled, write_board
    from tests.browser.conftest import CHROMIUM

    FOLDER.mkdir(exist_ok=True)
    boxes = {}
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        address = write_board(Path(folder), golden_board())
        for name, (width, scheme) in VIEWS.items():
            size = {"width": width, "height": 900}
            with quiet_page(browser, address, viewport=size, color_scheme=scheme) as page:
                settled(page)
                shot = Shot.of(page)
            few_colours(shot.image).save(FOLDER / f"{name}.png", optimize=True)
            boxes[name] = shot.boxes
            print(name, shot.image.size, (FOLDER / f"{name}.png").stat().st_size, flush=True)
        browser.close()
    text = json.dumps(boxes, indent=1)
    (FOLDER / "sections.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
