"""Every word and number of a run's report as text, so that its template only places them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from markupsafe import Markup

from slmbench.render.page_parts import Cell, Picture, TableView
from slmbench.schema.base import Absent
from slmbench.schema.record import JobRecord, Metric, ModelRecord, RunRecord
from slmbench.schema.run_report import RunReport
from slmbench.schema.spec import RunSpec
from slmbench.units import format_value

Words = tuple[tuple[str, str], ...]
_HASH = 12
_LONGEST_NAME = 200


@dataclass(frozen=True)
class RunPageView:
    """What the template places; `Words` are (name, text)."""

    name: str
    title: str
    facts: tuple[str, ...]
    contents: tuple[tuple[str, str], ...]
    model: Words
    asked: Words
    origin: Words
    troubles: TableView | None
    results: tuple[tuple[str, TableView], ...]
    pictures: tuple[Picture, ...]
    jobs: TableView
    notes: Words
    host: Words
    software: Words
    noise: Words
    samples: Markup | None
    samples_note: str


def run_view(
    report: RunReport, pictures: tuple[Picture, ...], samples: Markup | None, note: str
) -> RunPageView:
    """Return the page of a run; ``note`` says which samples are there, or why there are none."""
    record = report.record
    suites = tuple(dict.fromkeys(metric.suite for metric in record.metrics))
    troubles = _troubles(record)
    origin = _origin(record)
    contents = [("what", "What was run"), *([("origin", "Origin")] if origin else [])]
    contents += [("troubles", "Not measured")] if troubles else []
    contents += [(f"suite-{place}", suite) for place, suite in enumerate(suites)]
    contents += [("pictures", "Pictures")] if pictures else []
    contents += [("browser", "Samples"), ("jobs", "Jobs"), ("host", "Environment"),
                 ("again", "Reproduce")]  # fmt: skip
    name = short(record.model.name)
    return RunPageView(
        name=name,
        title=f"{_plain(name)} - run report",
        facts=_facts(record),
        contents=tuple(contents),
        model=_model(record.model),
        asked=(*_asked(record), *_labels(report)),
        origin=origin,
        troubles=troubles,
        results=tuple((f"suite-{place}", _results(record, each))
                      for place, each in enumerate(suites)),
        pictures=pictures,
        jobs=_jobs(record),
        notes=tuple((f"{job.suite}/{job.task}", note) for job in record.jobs for note in job.notes),
        host=tuple(record.environment.hardware.items()),
        software=tuple(record.environment.software.items()),
        noise=tuple((key, f"{value:.4g}") for key, value in record.environment.noise.items()),
        samples=samples,
        samples_note=note,
    )  # fmt: skip


def short(name: str) -> str:
    """Return a name that fits a heading."""
    return name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…"


def _plain(text: str) -> str:
    """Return text without what can't be printed: a window's title can't isolate directions."""
    return "".join(each if each.isprintable() else " " for each in text)


def _facts(record: RunRecord) -> tuple[str, ...]:
    absent = sum(isinstance(metric.value, Absent) for metric in record.metrics)
    measured = len(record.metrics) - absent
    samples = sum(job.sample_count for job in record.jobs)
    done = sum(job.status == "done" for job in record.jobs)
    found = [f"run {record.run_id}", record.status, f"begun {_moment(record.created)}"]
    if record.finished:
        found.append(f"finished {_moment(record.finished)}")
    found += [f"{done} of {len(record.jobs)} jobs done", f"{measured} metrics"]
    if absent:
        found.append(f"{absent} not measured")
    return (*found, f"{samples} samples")


def _moment(time: str) -> str:
    """Return an ISO time in UTC without what nobody reads; any other text as it is."""
    day, _, rest = time.partition("T")
    is_utc = rest.endswith(("+00:00", "Z")) and len(day) == len("2026-01-31")
    return f"{day} {rest[:8]} UTC" if is_utc else time


def _model(model: ModelRecord) -> Words:
    spec, mark = model.spec, model.fingerprint
    found = [
        ("name", model.name), ("target", spec.target), ("backend", spec.backend),
        ("architecture", model.architecture),
        ("parameters", None if model.parameter_count is None else f"{model.parameter_count:,}"),
        ("dtype", model.dtype), ("device", model.device), ("quantization", mark.quantization),
        ("weights", mark.weights), ("tokenizer", mark.tokenizer),
        ("chat template", mark.chat_template),
    ]  # fmt: skip
    return tuple((name, text) for name, text in found if text)


#: What files of other tools seldom say, and where it stands in a spec.
_SELDOM_SAID = {
    "items of each task": "limit",
    "chat template": "apply_chat_template",
    "seed": "seed",
}


def _asked(record: RunRecord) -> Words:
    """Return what was asked for; of a run from elsewhere only what its files say."""
    spec, silent = record.spec, set[str]()
    if record.origin is not None:
        usual = RunSpec(models=spec.models)
        says = {name: getattr(spec, name) != getattr(usual, name) for name in _SELDOM_SAID.values()}
        silent = {"cache", *(words for words, name in _SELDOM_SAID.items() if not says[name])}
    limit = spec.limit
    found = [
        ("suites", ", ".join(spec.suites)),
        ("tasks", ", ".join(spec.tasks) or "all of the suites"),
        ("items of each task", "all" if limit is None else
         f"{limit:.0%} of them" if limit < 1 else f"the first {limit:g}"),
        ("few-shot examples", "each task's own" if spec.num_fewshot is None
         else str(spec.num_fewshot)),
        ("chat template", "applied" if spec.apply_chat_template else "not applied"),
        ("seed", str(spec.seed)),
        ("cache", "answers of the same model were taken" if spec.cache else "off"),
    ]  # fmt: skip
    for role in ("judge", "detoxifier", "reference"):
        model = getattr(spec, role)
        if model is not None:
            found.append((role, f"{model.label} ({model.backend}:{model.target})"))
    return tuple(each for each in found if each[0] not in silent)


def _labels(report: RunReport) -> Words:
    found = [(f"label {key}", text) for key, text in report.record.spec.labels.items()]
    return (*found, *(("tag", tag) for tag in report.tags))


def _origin(record: RunRecord) -> Words:
    origin = record.origin
    if origin is None:
        return ()
    found = [("measured by", origin.tool), ("read by the importer", origin.form)]
    if origin.citation:
        found.append(("published in", origin.citation))
    found += [(f"file {name}", f"SHA-256 {digest}") for name, digest in origin.files.items()]
    return tuple(found)


def _results(record: RunRecord, suite: str) -> TableView:
    return TableView(
        suite, "", ("Metric", "Value", "n", "How it is known"),
        tuple(_metric_row(each) for each in record.metrics if each.suite == suite),
    )  # fmt: skip


def _metric_row(metric: Metric) -> tuple[Cell, ...]:
    better = {True: "higher is better", False: "lower is better", None: ""}
    name = Cell(f"{metric.task}/{metric.metric}", better[metric.higher_is_better])
    value = metric.value
    if isinstance(value, Absent):
        return name, Cell("not measured", "", "absent"), Cell("-"), Cell("-", value.reason)
    spread = value.interval
    under = "no interval: one reading" if value.n == 1 else "no interval"
    if spread is not None:
        ends = (format_value(spread.low, value.unit), format_value(spread.high, value.unit))
        under = f"[{ends[0]}, {ends[1]}] {spread.level:.0%}, {spread.method}"
    shown = format_value(value.value, value.unit)
    return name, Cell(shown, under), Cell(str(value.n)), Cell(value.how, value.source or "")


def _troubles(record: RunRecord) -> TableView | None:
    rows = [row for job in record.jobs for row in _job_troubles(job)]
    for metric in record.metrics:
        if isinstance(metric.value, Absent):
            rows.append((Cell(metric.path), Cell("absent"), Cell(metric.value.reason)))
    if not rows:
        return None
    return TableView(
        "Not measured", "What failed, was left out or has no score, and why.",
        ("Job or metric", "What", "Why"), tuple(rows),
    )  # fmt: skip


def _job_troubles(job: JobRecord) -> Iterator[tuple[Cell, ...]]:
    name = Cell(f"{job.suite}/{job.task}")
    if job.status == "failed":
        yield name, Cell("failed", "", "worse"), Cell(job.reason or "no reason was recorded")
    elif job.status != "done":
        yield name, Cell("not finished"), Cell(job.reason or "the run stopped before it was done")
    for count, what in ((job.failed_count, "failed"), (job.unscored_count, "have no score")):
        if count:
            told = f"{count} of {job.sample_count} samples {what}"
            yield name, Cell("partial"), Cell(told, "the samples below tell why")


def _jobs(record: RunRecord) -> TableView:
    rows = tuple(
        (
            Cell(f"{job.suite}/{job.task}"),
            Cell(job.status),
            Cell("-" if job.elapsed_s is None else format_value(job.elapsed_s, "s")),
            Cell(str(job.sample_count), _part_of(job)),
            Cell(", ".join(_prints(job)) or "-"),
        )
        for job in record.jobs
    )
    note = "Two results can be compared where these fingerprints agree."
    return TableView("Jobs", note, ("Job", "Status", "Took", "Samples", "Fingerprints"), rows)


def _part_of(job: JobRecord) -> str:
    if job.items_total is not None:
        return f"of {job.items_total}: a gate stopped here"
    return "" if job.limit_items is None else f"limited to {job.limit_items}"


def _prints(job: JobRecord) -> list[str]:
    """Return a job's fingerprints, hashes cut; a scorer's is its name and stays whole."""
    marks = job.fingerprints
    found = [f"{name} {mark[:_HASH]}" for name, mark in (("task", marks.task),
             ("prompt", marks.prompt)) if mark]  # fmt: skip
    return [*found, *([f"scorer {marks.scorer}"] if marks.scorer else [])]
