"""A model and the way it is run, as the user names it. Pure data: no environ, no network."""

from __future__ import annotations

import re
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from slmbench.schema.base import Frozen

#: Options of a model that only its server decides -> their defaults.
_SERVER_DECIDES = {
    "dtype": "auto", "device": "auto", "revision": None, "token_budget": None, "threads": None,
    "trust_remote_code": False, "add_bos_token": None, "quantization": None, "device_map": None,
}  # fmt: skip
#: Options of a model that only a GGUF file decides.
_FILE_DECIDES = ("dtype", "revision", "trust_remote_code", "quantization", "device_map")
#: How hf may quantize a model while it loads; a checkpoint that is quantized needs no word of it.
_QUANTIZATION = re.compile(
    r"bnb-8bit|bnb-4bit(-nf4|-fp4)?|torchao:[a-z][a-z0-9_]*(:[a-z_]+=[0-9]+)*"
)


class ServerSpec(Frozen):
    """How a model behind an OpenAI-compatible server is asked. The key is never part of it.

    Attributes:
        model: the name under which the server knows the model.
        api: the endpoint of plain prompts; ``auto`` takes ``completions`` where it is answered.
        tokenizer: folder of the model's tokenizer; None counts a prompt in UTF-8 bytes.
        key_env: the variable that holds the key; None takes OPENAI_API_KEY where it is set.
        timeout_s: how long the server may be silent.
        retries: how often a request is sent again that the server was too busy or broken for.
    """

    model: str = Field(min_length=1)
    api: Literal["auto", "completions", "chat"] = "auto"
    tokenizer: str | None = None
    key_env: str | None = None
    timeout_s: float = Field(default=600.0, gt=0)
    retries: int = Field(default=4, ge=0, le=20)

    @field_validator("key_env")
    @classmethod
    def _names_a_variable(cls, name: str | None) -> str | None:
        if name is not None and not name.isidentifier():
            raise ValueError("give the NAME of the environment variable, never the key itself")
        return name


class ModelSpec(Frozen):
    """A model and the way it is run.

    Attributes:
        backend: ``hf``, ``fake`` or another name of ``slmbench list backends``.
        target: a path, a hub id, or the name of a reference model.
        name: the name shown in tables; made from the target when left out.
        dtype: ``auto`` takes the checkpoint's own; else ``float32``, ``bfloat16``, ``float16``.
        device: ``auto`` takes a GPU where there is one; else ``cpu``, ``cuda:1``, ``mps``.
        batch_size: sequences side by side; None lets the backend choose.
        token_budget: tokens of one forward pass over packed sequences; None chooses from memory.
        max_length: tokens of context; None takes the model's own.
        threads: CPU threads of one operation; None takes as many as there are cores.
        quantization: of a model that hf quantizes while it loads: ``bnb-8bit``, ``bnb-4bit`` (nf4),
            ``bnb-4bit-fp4``, ``torchao:int8_weight_only`` or another of torchao's configurations,
            with whole numbers as ``torchao:int4_weight_only:group_size=32``.
        device_map: how accelerate lays a model over several devices: ``auto``, ``balanced``.
        published_parameter_count: as its authors give it; only a plan uses it, before a download.
        gpu_layers: of a GGUF model, layers on a GPU; None and -1 are all, where there is one.
        kv_dtype: of a GGUF model's key/value cache; None is float32 for a file of float32.
        server: how the model is asked, where the backend is ``openai`` and the target a URL.
    """

    backend: str = "hf"
    target: str
    name: str | None = None
    revision: str | None = None
    dtype: str = "auto"
    device: str = "auto"
    batch_size: int | None = Field(default=None, ge=1)
    token_budget: int | None = Field(default=None, ge=16)
    max_length: int | None = Field(default=None, ge=2)
    threads: int | None = Field(default=None, ge=1)
    quantization: str | None = None
    device_map: str | None = Field(default=None, min_length=1)
    published_parameter_count: int | None = Field(default=None, ge=1)
    trust_remote_code: bool = False
    add_bos_token: bool | None = None
    gpu_layers: int | None = Field(default=None, ge=-1)
    kv_dtype: Literal["float32", "float16"] | None = None
    server: ServerSpec | None = None

    @field_validator("quantization")
    @classmethod
    def _known_quantization(cls, name: str | None) -> str | None:
        if name is not None and not _QUANTIZATION.fullmatch(name):
            raise ValueError(
                f"no quantization '{name}'. Known: bnb-8bit, bnb-4bit, bnb-4bit-fp4, "
                "torchao:int8_weight_only and torchao's others. A checkpoint of GPTQ or AWQ says "
                "so itself: leave it out"
            )
        return name

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if self.device_map is not None and self.device != "auto":
            raise ValueError("'device' and 'device_map' both place the model: give one of them")
        return self

    @model_validator(mode="after")
    def _as_llama_cpp_runs_it(self) -> Self:
        if self.backend == "gguf":
            for name in _FILE_DECIDES:
                if getattr(self, name) != _SERVER_DECIDES[name]:
                    raise ValueError(f"'{name}' is decided by the GGUF file: leave it out")
        elif self.gpu_layers is not None or self.kv_dtype is not None:
            raise ValueError("'gpu_layers' and 'kv_dtype' are options of the backend gguf")
        return self

    @model_validator(mode="after")
    def _served_as_asked(self) -> Self:
        if self.backend != "openai":
            if self.server is not None:
                raise ValueError("only the backend openai has a server")
            return self
        if self.server is None:
            raise ValueError("the server's name of the model is missing: add model=NAME")
        for name, default in _SERVER_DECIDES.items():
            if getattr(self, name) != default:
                raise ValueError(f"'{name}' is decided by the server: leave it out")
        _check_url(self.target)
        return self

    @property
    def label(self) -> str:
        """Return the name shown in tables and run ids."""
        known = self.target if self.server is None else self.server.model
        return self.name or known.rstrip("/").rsplit("/", 1)[-1]


def _check_url(url: str) -> None:
    """Raise ValueError unless a URL names a server; the text never repeats what may be a secret."""
    parts = urlsplit(url)
    if "@" in parts.netloc:
        raise ValueError(
            "a URL with a user or password would be recorded: give the key in OPENAI_API_KEY"
        )
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("the target must be a URL, for example http://127.0.0.1:8000/v1")
    if parts.query or parts.fragment:
        raise ValueError("the URL must end with its path: no '?', no '#'")
    if parts.port == 0:
        raise ValueError("port 0 is no server's")
