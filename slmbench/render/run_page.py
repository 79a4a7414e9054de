"""Render the report of one run as a page that opens from disk and asks no network."""

from __future__ import annotations

from markupsafe import Markup

from slmbench.render.report_templates import environment, script
from slmbench.render.run_pictures import run_pictures
from slmbench.render.run_view import run_view
from slmbench.schema.run_report import RunReport

_NONE = "No sample of this run has words to show."


def render_run_page(report: RunReport, samples: Markup | None, is_paged: bool = False) -> str:
    """Return the page; the same report and samples give the same bytes.

    Args:
        report: the run.
        samples: what `sample_pages.browser_data` gave; None leaves the browser out.
        is_paged: the samples are in script files beside the page, which may be loaded then.
    """
    note = _NONE if samples is None else "What was asked and answered, item by item."
    page = run_view(report, tuple(run_pictures(report)), samples, note)
    template = environment().get_template("run.html.j2")
    own = script("samples_store.js", "samples.js")
    html = template.render(page=page, again=report.reproduction, script=own, is_paged=is_paged)
    # A record may hold halves of characters, which no file in UTF-8 can.
    return html.encode("utf-8", "replace").decode("utf-8")
