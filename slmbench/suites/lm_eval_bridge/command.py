"""The command line of lm-eval, with slmbench's model in it and the index of tasks at hand."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from lm_eval._cli import HarnessCLI
from lm_eval.api.registry import model_registry
from lm_eval.utils import setup_logging, simple_parse_args_string
from tqdm import tqdm

from slmbench.errors import InputError, did_you_mean
from slmbench.ports import Backend, Meter, Scorer, SecondModel
from slmbench.schema.base import Absent
from slmbench.schema.model_spec import ModelSpec
from slmbench.schema.spec import RunSpec
from slmbench.schema.strict import parse
from slmbench.suites.lm_eval_bridge.index import cached_index
from slmbench.suites.lm_eval_bridge.model import BridgeLM

#: The name that follows ``--model``.
MODEL = "slmbench"
#: Model arguments that say how the model is loaded, and those of the bridge itself.
_MODEL_ARGS = (
    "pretrained", "backend", "dtype", "revision", "device", "batch_size", "token_budget",
    "max_length", "add_bos_token", "trust_remote_code", "threads",
)  # fmt: skip
_DEFAULT_SEED = 1234
_DEFAULT_DEVICE = "cuda:0"
_OWN_ARGS = ("think_end_token",)
#: What lm-eval raises for a wrong option, name or file, and for data that are not to be had.
_REFUSALS = (ValueError, KeyError, OSError, ImportError, NotImplementedError)
_NOT_HERE = Absent(reason="lm-eval's command line uses no scorer or meter of slmbench")

Load = Callable[[ModelSpec], Backend]


class CommandContext:
    """The Context port of one command: no journal, and a bar on stderr where that is a terminal."""

    def __init__(self, spec: RunSpec) -> None:
        """Take the spec, of which only the seed is used."""
        self.spec = spec
        self._bar: Any = None

    def checkpoint(self, key: str, compute: Callable[[], Any]) -> Any:
        """Return the computed value: lm-eval's ``--use_cache`` is what outlives a crash here."""
        return compute()

    def progress(self, done: int, total: int) -> None:
        """Move the bar, and close it at the end."""
        if self._bar is None:
            self._bar = tqdm(total=total, desc=MODEL, file=sys.stderr, disable=None)
        self._bar.update(done - self._bar.n)
        if done >= total:
            self._bar.close()
            self._bar = None

    def scorer(self, name: str, **options: Any) -> Scorer | Absent:
        """Return Absent."""
        return _NOT_HERE

    def second(self, role: str) -> SecondModel | Absent:
        """Return Absent."""
        return _NOT_HERE

    def meter(self, name: str, **options: Any) -> Meter | Absent:
        """Return Absent."""
        return _NOT_HERE

    def carbon_factor(self, country: str) -> tuple[float, str]:
        """Raise: nothing is turned into carbon here."""
        raise NotImplementedError(_NOT_HERE.reason)


def run(arguments: list[str], load: Load) -> None:
    """Run lm-eval's command line, in which ``--model slmbench`` is this package's model.

    Args:
        arguments: what follows ``lm-eval``, untouched.
        load: loads a model.

    Raises:
        InputError: lm-eval refuses an option, a name or a file.
        SystemExit: as argparse raises it, after ``--help`` or a wrong option.
    """
    model_registry.register(MODEL, target=_model_class(load))
    sys.argv = ["lm-eval", *arguments]
    setup_logging()
    with cached_index():
        try:
            command_line = HarnessCLI()
            command_line.execute(command_line.parse_args())
        except _REFUSALS as error:
            text = str(error.args[0] if isinstance(error, KeyError) and error.args else error)
            raise InputError(text) from error


def _model_class(load: Load) -> type[BridgeLM]:
    """Return the class that lm-eval makes from ``--model_args``, ``--device``, ``--batch_size``."""

    class CommandLM(BridgeLM):
        def __init__(self, **given: Any) -> None:
            think_end = given.pop("think_end_token", None)
            spec = model_spec(given)
            context = CommandContext(RunSpec(models=(spec,), seed=_seed()))
            if isinstance(think_end, str) and think_end.isdigit():
                think_end = int(think_end)
            super().__init__(
                load(spec), context, None, spec.target, spec.revision, think_end_token=think_end
            )

        @classmethod
        def create_from_arg_obj(
            cls, arg_dict: dict[str, Any], additional_config: dict[str, Any] | None = None
        ) -> CommandLM:
            return cls(**_merged(arg_dict, additional_config or {}))

        @classmethod
        def create_from_arg_string(
            cls, arg_string: str, additional_config: dict[str, Any] | None = None
        ) -> CommandLM:
            return cls.create_from_arg_obj(simple_parse_args_string(arg_string), additional_config)

    return CommandLM


def model_spec(given: dict[str, Any]) -> ModelSpec:
    """Return the model that lm-eval's model arguments name.

    Raises:
        InputError: an unknown argument, none that names a model, or a wrong value.
    """
    known = (*_MODEL_ARGS, *_OWN_ARGS)
    for key in given:
        if key not in known:
            raise InputError(
                f"--model_args: unknown key '{key}'.{did_you_mean(key, known)} "
                f"Known: {', '.join(known)}."
            )
    if not given.get("pretrained"):
        raise InputError("--model_args lacks pretrained=PATH_OR_ID.")
    values = {key: value for key, value in given.items() if value is not None}
    values["target"] = str(values.pop("pretrained"))
    for key in ("revision", "dtype", "device", "backend"):
        if key in values:
            values[key] = str(values[key])
    if str(values.get("batch_size", "")).startswith("auto"):
        del values["batch_size"]
    return parse(ModelSpec, values, "--model_args")


def _seed() -> int:
    """Return the seed of sampling: lm-eval seeds torch by ``--seed`` before it makes a model."""
    torch = sys.modules.get("torch")
    return _DEFAULT_SEED if torch is None else int(torch.initial_seed())


def _merged(model_args: dict[str, Any], options: dict[str, Any]) -> dict[str, Any]:
    """Return model arguments with lm-eval's own options put in.

    lm-eval fills in ``--batch_size 1`` and ``--device cuda:0`` where they aren't given, so these
    let the backend choose: no answer depends on the size, and it takes the first GPU where there
    is one. ``--max_batch_size`` bounds the choice of a size.
    """
    options = {key: value for key, value in options.items() if value is not None}
    largest = options.pop("max_batch_size", None)
    size = str(options.pop("batch_size", 1))
    if options.get("device") == _DEFAULT_DEVICE:
        options["device"] = "auto"
    merged = {**options, **model_args}
    if size == "1" or size.startswith("auto"):
        size = "auto" if largest is None else str(largest)
    merged.setdefault("batch_size", size)
    return merged
