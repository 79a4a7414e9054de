"""Tell a verdict to everyone who asked: the terminal, files, and the CI system around us.

Nothing here can make a verdict better. A file that can't be written ends the command with exit
code 5 after the verdict was told, and an error before any verdict is told as one everywhere.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import yaml

from slmbench.cli.output import print_json, stdout
from slmbench.errors import InputError, SaveError, SlmbenchError
from slmbench.render.ci_badge import render_badge_json, render_badge_svg
from slmbench.render.ci_code_quality import render_code_quality, render_code_quality_error
from slmbench.render.ci_github import (
    PolicyFile,
    harmless,
    render_annotations,
    render_error_annotation,
    render_error_outputs,
    render_outputs,
)
from slmbench.render.junit import render_junit, render_junit_error
from slmbench.render.text_table import one_line
from slmbench.render.verdict_markdown import render_error_markdown, render_verdict_markdown
from slmbench.schema.verdict import RuleVerdict, Verdict
from slmbench.store.pages import save_page

#: What a shell says of a command that Ctrl-C stopped.
_INTERRUPTED = 130


@dataclass(frozen=True)
class Wanted:
    """Which files a gate writes besides what it prints; None leaves one out."""

    junit: str | None = None
    markdown: str | None = None
    badge: str | None = None
    code_quality: str | None = None
    json: bool = False


class GateOutputs:
    """Wraps the making of a verdict, so that an error in it reaches the CI system too.

    Args:
        policy: the policy's path or preset, as it was given.
        wanted: what to write.

    Raises:
        InputError: the badge is neither ``.svg`` nor ``.json``.
    """

    def __init__(self, policy: str, wanted: Wanted) -> None:
        """Check what can be checked before any work."""
        if wanted.badge is not None and Path(wanted.badge).suffix not in (".svg", ".json"):
            raise InputError(f"'{wanted.badge}': a badge is a .svg or (for shields.io) a .json.")
        self._policy = policy
        self._wanted = wanted
        self._told = False
        #: GitHub's runner sets it; a workflow command printed elsewhere is only noise.
        self._in_actions = os.environ.get("GITHUB_ACTIONS") == "true"

    def __enter__(self) -> GateOutputs:
        """Begin."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Tell an error that came before a verdict; it then goes on to end the command."""
        if error is None or self._told:
            return
        reason = one_line(str(error)) or type(error).__name__
        code = error.exit_code if isinstance(error, SlmbenchError) else 70
        if isinstance(error, KeyboardInterrupt):
            reason, code = "interrupted", _INTERRUPTED
        if self._in_actions:
            sys.stderr.write(render_error_annotation(reason))
        for failure in self._write(*self._error_pages(reason, code)):
            sys.stderr.write(f"slmbench gate: {failure}\n")

    def tell(self, verdict: Verdict) -> None:
        """Print the verdict and write every page of it.

        Raises:
            SaveError: a page could not be written; all others were, and the verdict was printed.
        """
        self._told = True
        self._print(verdict)
        place = _policy_file(self._policy)
        if self._in_actions:
            # The runner reads both streams, and stdout may be one JSON document.
            stream = sys.stderr if self._wanted.json else sys.stdout
            stream.write(render_annotations(verdict, place))
        failures = self._write(self._verdict_pages(verdict, place), None)
        code = SaveError.exit_code if failures else verdict.exit_code
        failures += self._write({}, render_outputs(verdict, code))
        if failures:
            raise SaveError(
                f"The verdict is {verdict.verdict}, but not all of it could be written: "
                + " ".join(failures)
            )

    def _print(self, verdict: Verdict) -> None:
        if self._wanted.json:
            print_json(verdict.to_json())
            return
        lines = [*map(_line, verdict.rules)]
        lines += [f"{'warning':<14} {warning}" for warning in verdict.warnings]
        items = f"{verdict.items_used} of {verdict.items_total} items"
        for line in [*lines, f"{verdict.verdict}: {verdict.policy}, {items}"]:
            text = harmless(line) if self._in_actions else one_line(line)
            stdout.print(text, markup=False, soft_wrap=True)

    def _verdict_pages(self, verdict: Verdict, place: PolicyFile | None) -> dict[str, str]:
        """Return path -> text; the step summary goes under an empty path."""
        wanted, markdown = self._wanted, render_verdict_markdown(verdict)
        where = place or PolicyFile(self._policy)
        pages = {
            wanted.junit: render_junit(verdict),
            wanted.markdown: markdown,
            wanted.badge: self._badge(verdict),
            wanted.code_quality: render_code_quality(verdict, where),
        }
        return {path: text for path, text in pages.items() if path} | {"": markdown}

    def _error_pages(self, reason: str, code: int) -> tuple[dict[str, str], str]:
        wanted, name = self._wanted, Path(self._policy).stem
        markdown = render_error_markdown(name, reason)
        pages = {
            wanted.junit: render_junit_error(name, reason),
            wanted.markdown: markdown,
            wanted.badge: self._badge(None),
            wanted.code_quality: render_code_quality_error(
                _policy_file(self._policy) or PolicyFile(self._policy), reason
            ),
        }
        texts = {path: text for path, text in pages.items() if path} | {"": markdown}
        return texts, render_error_outputs(reason, code)

    def _badge(self, verdict: Verdict | None) -> str:
        name = Path(self._policy).stem if verdict is None else verdict.policy
        drawn = (self._wanted.badge or "").endswith(".svg")
        render = render_badge_svg if drawn else render_badge_json
        return render(name, None if verdict is None else verdict.verdict)

    def _write(self, pages: dict[str, str], outputs: str | None) -> list[str]:
        """Write all that can be written and return a sentence for each that could not."""
        failures = []
        for path, text in pages.items():
            try:
                if path:
                    save_page(Path(path), text)
                else:
                    _append("GITHUB_STEP_SUMMARY", text)
            except SaveError as error:
                failures.append(str(error))
        if outputs is not None:
            try:
                _append("GITHUB_OUTPUT", outputs)
            except SaveError as error:
                failures.append(str(error))
        return failures


def _append(variable: str, text: str) -> None:
    """Add text to the file that an environment variable names; nothing where it is not set."""
    name = os.environ.get(variable)
    if not name:
        return
    path = Path(name)
    try:
        old = path.read_bytes()[-1:] if path.exists() else b""
        with path.open("a", encoding="utf-8") as file:
            # Another program may have left its last line open.
            file.write(text if old in (b"", b"\n") else f"\n{text}")
    except OSError as error:
        raise SaveError(f"Cannot write ${variable}: {error.strerror or error}.") from error


def _policy_file(policy: str) -> PolicyFile | None:
    """Return where the policy lies in the repository, or None where it isn't a file in it."""
    root = os.environ.get("GITHUB_WORKSPACE") or os.environ.get("CI_PROJECT_DIR") or "."
    try:
        inside = Path(policy).resolve(strict=True).relative_to(Path(root).resolve())
        document = yaml.compose(Path(policy).read_text("utf-8"), Loader=yaml.SafeLoader)
    except (OSError, ValueError, yaml.YAMLError):
        return None
    return PolicyFile(inside.as_posix(), _rule_lines(document))


def _rule_lines(document: yaml.Node | None) -> dict[str, int]:
    """Return metric pattern -> the line its first rule begins on."""
    lines: dict[str, int] = {}
    for key, value in _entries(document):
        for rule in value.value if key == "rules" and isinstance(value, yaml.SequenceNode) else ():
            for name, metric in _entries(rule):
                if name == "metric" and isinstance(metric, yaml.ScalarNode):
                    lines.setdefault(metric.value, rule.start_mark.line + 1)
    return lines


def _entries(node: yaml.Node | None) -> list[tuple[str, yaml.Node]]:
    if not isinstance(node, yaml.MappingNode):
        return []
    return [(str(key.value), value) for key, value in node.value]


def _line(rule: RuleVerdict) -> str:
    name = rule.metric or rule.rule
    where = "" if rule.reason.startswith(name) else f"{name}: "
    return f"{rule.verdict:<14} {where}{rule.reason}"
