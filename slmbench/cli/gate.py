"""``slmbench gate``: hold a run against a policy; the exit code is the answer."""

from __future__ import annotations

from typing import Annotated

import typer

from slmbench import catalog, pipeline
from slmbench.cli.gate_outputs import GateOutputs, Wanted
from slmbench.cli.output import print_json
from slmbench.schema.policy import policy_schema
from slmbench.store.collection import no_collection


def command(
    policy: Annotated[str, typer.Argument(help="The policy: a YAML file or a shipped name.")],
    candidate: Annotated[
        str, typer.Option(help="A recorded run; or BACKEND:MODEL, run no longer than needed.")
    ],
    baseline: Annotated[
        str | None, typer.Option(help="Run folder, id, tag, model's name or baseline file.")
    ] = None,
    store: Annotated[str, typer.Option(help="Where ids and names are looked up.")] = "runs",
    junit: Annotated[str | None, typer.Option(help="Also write JUnit XML.")] = None,
    markdown: Annotated[str | None, typer.Option(help="Also write Markdown.")] = None,
    badge: Annotated[
        str | None, typer.Option(help="Also write a badge: a .svg, or shields.io's .json.")
    ] = None,
    code_quality: Annotated[
        str | None, typer.Option(help="Also write GitLab's code-quality report.")
    ] = None,
    seed: Annotated[
        int, typer.Option(help="Order in which a candidate that is run is asked its items.")
    ] = 1234,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
    schema: Annotated[
        bool,
        typer.Option(
            "--schema",
            callback=lambda asked: _schema(asked),
            is_eager=True,
            help="Print the JSON schema of a policy, for an editor, and end.",
        ),
    ] = False,
) -> None:
    """Say whether a model may ship: 0 PASS, 1 FAIL, 3 INCONCLUSIVE, 4 NOT_COMPARABLE.

    In GitHub Actions it also writes the step's summary and outputs and annotates what did not
    pass. A page that can't be written ends it with 5, an error before a verdict with 2 or 70.
    """
    wanted = Wanted(junit, markdown, badge, code_quality, json)
    with GateOutputs(policy, wanted) as outputs:
        if _is_model(candidate):
            from slmbench.cli.gate_candidate import gate_candidate

            verdict = gate_candidate(policy, baseline, candidate, store, seed)
        else:
            with no_collection():
                verdict = pipeline.gate(policy, baseline, candidate, store)
        outputs.tell(verdict)
    raise typer.Exit(verdict.exit_code)


def _is_model(candidate: str) -> bool:
    """Say whether a candidate names a backend, so that it is to be run; a URL names a run."""
    head, colon, target = candidate.partition(":")
    if not colon or target.startswith("//"):
        return False
    return head in (*catalog.names("backends"), "ref")


def _schema(asked: bool) -> None:
    if asked:
        print_json(policy_schema())
        raise typer.Exit()
