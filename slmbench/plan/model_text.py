"""Read a model as it is written on the command line or in a spec: ``hf:PATH,dtype=bfloat16``."""

from __future__ import annotations

import re
from typing import Any

from slmbench.errors import InputError, did_you_mean
from slmbench.resources import reference_dir
from slmbench.schema.model_spec import ModelSpec, ServerSpec
from slmbench.schema.strict import parse

REFERENCE = ("pico", "nano", "micro")
BACKENDS = ("hf", "gguf", "vllm", "openai", "fake")

#: User information in a URL, even where a comma in a password cuts it.
_SECRET = re.compile(r"://[^/]*@")

#: lm-eval's spelling -> ours, for ``--model hf --model_args pretrained=...``.
_LM_EVAL_KEYS = {"pretrained": "target", "base_url": "target"}


def parse_model(text: str, backends: tuple[str, ...] = BACKENDS) -> ModelSpec:
    """Return the model that ``BACKEND:TARGET[,key=value...]`` names.

    ``ref:pico`` names a reference model, run in float32 on one thread by the hf backend, and
    ``openai:http://127.0.0.1:8000/v1,model=NAME`` a model behind a server.

    Raises:
        InputError: no backend, an unknown one, or a wrong key.
    """
    if not text.isprintable():
        raise InputError(f"The model {text!r} has characters that no name has. Write it again.")
    _refuse_secret(text)
    head, *pairs = text.split(",")
    backend, colon, target = head.partition(":")
    if not colon or not target:
        raise InputError(
            f"'{text}' names no model. Write BACKEND:NAME, for example hf:PATH_OR_ID, "
            "gguf:FILE.gguf or ref:pico."
        )
    options = _options(pairs, text)
    if backend == "ref":
        return _reference(target, options)
    if backend not in backends:
        near = did_you_mean(backend, (*backends, "ref"))
        raise InputError(
            f"'{text}': unknown backend '{backend}'.{near} "
            f"Known: {', '.join((*backends, 'ref'))}; see 'slmbench list backends'."
        )
    if backend == "openai":
        return _served(target, options, f"model '{head}'")
    return parse(ModelSpec, {"backend": backend, "target": target, **options}, f"model '{text}'")


def parse_lm_eval_model(backend: str, model_args: str) -> ModelSpec:
    """Return the model of lm-eval's ``--model hf --model_args pretrained=PATH,dtype=float32``.

    Raises:
        InputError: ``pretrained`` is missing, or a key is unknown.
    """
    _refuse_secret(model_args)
    options = _options([pair for pair in model_args.split(",") if pair], model_args)
    options = {_LM_EVAL_KEYS.get(key, key): value for key, value in options.items()}
    if "target" not in options:
        raise InputError(f"--model_args '{model_args}' lacks pretrained=PATH_OR_ID.")
    if backend == "openai":
        return _served(options.pop("target"), options, "--model_args")
    return parse(ModelSpec, {"backend": backend, **options}, f"--model_args '{model_args}'")


def _refuse_secret(text: str) -> None:
    """Raise InputError, which repeats nothing, where a URL holds a user or password."""
    if _SECRET.search(text):
        raise InputError(
            "A URL with a user or password would be recorded, so it is refused. "
            "Give the key in OPENAI_API_KEY, or in a variable named by key_env=."
        )


def _served(url: str, options: dict[str, Any], where: str) -> ModelSpec:
    """Return a model behind a server; options of how to ask it stand beside the model's own."""
    known = ServerSpec.model_fields.keys() | ModelSpec.model_fields.keys() - {"server"}
    for key in options.keys() - known:
        near = did_you_mean(key, known)
        raise InputError(f"{where}: unknown key '{key}'.{near} Known: {', '.join(sorted(known))}.")
    server = {key: value for key, value in options.items() if key in ServerSpec.model_fields}
    own = {key: value for key, value in options.items() if key not in server}
    if "model" not in server:
        raise InputError(f"{where} lacks the server's name of the model: add ',model=NAME'.")
    raw = {"backend": "openai", "target": url.rstrip("/"), "server": server, **own}
    return parse(ModelSpec, raw, where)


def _reference(name: str, options: dict[str, Any]) -> ModelSpec:
    if name not in REFERENCE:
        raise InputError(
            f"No reference model '{name}'.{did_you_mean(name, REFERENCE)} "
            f"Known: {', '.join(REFERENCE)}."
        )
    # The files hold float16 to stay small; a CPU computes in float32. Their matrices are so small
    # that a second thread costs more than it brings, and on a busy host many times more.
    given = {"name": name, "dtype": "float32", "threads": 1, **options}
    raw = {"backend": "hf", "target": f"ref:{name}", **given}
    return parse(ModelSpec, raw, f"model 'ref:{name}'")


def reference_path(target: str) -> str | None:
    """Return the folder of a ``ref:`` target, or None for any other target."""
    if not target.startswith("ref:"):
        return None
    return str(reference_dir() / target.removeprefix("ref:"))


def _options(pairs: list[str], text: str) -> dict[str, Any]:
    options: dict[str, Any] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals:
            raise InputError(f"'{text}': '{pair}' is not key=value.")
        options[key.strip()] = value.strip()
    return options
