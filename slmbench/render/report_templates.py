"""The templates of reports, and the scripts that their pages may run, by hash."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from functools import cache
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from slmbench.resources import reports_dir


@dataclass(frozen=True)
class Script:
    """A script of ours as it stands in a page, and the source that a page's policy names it by."""

    text: Markup
    source: str


@cache
def script(*names: str) -> Script:
    """Return scripts of the folder of reports, one after the other, as one."""
    text = "".join((reports_dir() / name).read_text(encoding="utf-8") for name in names)
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return Script(Markup(text), f"'sha256-{digest}'")


@cache
def environment() -> Environment:
    """Return the templates, with escaping always on: what is in records is untrusted."""
    settings: dict[str, Any] = {"trim_blocks": True, "lstrip_blocks": True}
    return Environment(
        loader=FileSystemLoader(reports_dir()),
        autoescape=True,
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        **settings,
    )
