"""``slmbench gate``: hold a run against a policy; the exit code is the answer."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from slmbench import pipeline
from slmbench.cli.output import print_json, stdout
from slmbench.render.junit import render_junit
from slmbench.render.verdict_markdown import render_verdict_markdown
from slmbench.schema.verdict import RuleVerdict
from slmbench.store.pages import save_page


def command(
    policy: Annotated[str, typer.Argument(help="The policy, a YAML file.")],
    candidate: Annotated[str, typer.Option(help="Run folder, run id or model's name.")],
    baseline: Annotated[
        str | None, typer.Option(help="The run that rules against a baseline refer to.")
    ] = None,
    store: Annotated[str, typer.Option(help="Where ids and names are looked up.")] = "runs",
    junit: Annotated[str | None, typer.Option(help="Also write JUnit XML.")] = None,
    markdown: Annotated[str | None, typer.Option(help="Also write Markdown.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Say whether a model may ship: 0 PASS, 1 FAIL, 3 INCONCLUSIVE, 4 NOT_COMPARABLE."""
    verdict = pipeline.gate(policy, baseline, candidate, store)
    if junit is not None:
        save_page(Path(junit), render_junit(verdict))
    if markdown is not None:
        save_page(Path(markdown), render_verdict_markdown(verdict))
    if json:
        print_json(verdict.to_json())
    else:
        for rule in verdict.rules:
            stdout.print(_line(rule), markup=False, soft_wrap=True)
        for warning in verdict.warnings:
            stdout.print(f"{'warning':<14} {warning}", markup=False, soft_wrap=True)
        stdout.print(f"{verdict.verdict}: {verdict.policy}", markup=False)
    raise typer.Exit(verdict.exit_code)


def _line(rule: RuleVerdict) -> str:
    name = rule.metric or rule.rule
    where = "" if rule.reason.startswith(name) else f"{name}: "
    return f"{rule.verdict:<14} {where}{rule.reason}"
