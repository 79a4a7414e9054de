"""Keys stay secret, proxies stay out of the way, and a server's bad days end in clear words."""

from __future__ import annotations

import importlib.util
import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from slmbench.errors import InputError, ModelError
from slmbench.plan.model_text import parse_model
from slmbench.ports import Sampling
from slmbench.resources import reference_dir
from tests.served_model import (
    Handler,
    Served,
    broken_stream,
    busy,
    error_in_stream,
    serving,
    silence,
    stream_without_end,
    web_page,
)

if importlib.util.find_spec("torch") is None or importlib.util.find_spec("httpx") is None:
    pytest.skip("torch or httpx isn't installed", allow_module_level=True)
PICO = reference_dir() / "pico"
if not (PICO / "model.safetensors").is_file():
    pytest.skip("the reference model pico has no weights here", allow_module_level=True)

from slmbench.backends import openai_wire  # noqa: E402
from slmbench.backends.openai_http import OpenAIHttp  # noqa: E402

KEY = "sk-very-secret-123"
IN_AN_HOUR = datetime.now(UTC) + timedelta(hours=1)


@pytest.fixture(scope="module")
def running() -> Iterator[Served]:
    with serving(PICO) as served:
        yield served


@pytest.fixture
def server(running: Served, monkeypatch: pytest.MonkeyPatch) -> Served:
    running.reset()
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.setattr(openai_wire, "_FIRST_WAIT_S", 0.02)
    return running


def connect(server: Served, options: str = "") -> OpenAIHttp:
    model = parse_model(f"openai:{server.url},model={server.name}{options}")
    return OpenAIHttp(model, model.target)


def say(backend: OpenAIHttp, text: str = "The cat") -> str:
    ((found,),) = backend.generate([backend.encode(text)], Sampling(max_new_tokens=4), 1)
    return found.text


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.mark.parametrize(
    "fault",
    [
        busy(429, retry_after="0"), busy(500), busy(503), broken_stream, stream_without_end,
        error_in_stream,
    ],
)  # fmt: skip
def test_a_passing_fault_changes_no_answer(server: Served, fault: object) -> None:
    backend = connect(server)
    right = say(backend)
    assert not any("sent again" in note for note in backend.notes())
    server.faults = [fault, fault]  # type: ignore[list-item]
    assert say(backend) == right
    assert any(note.startswith("2 requests were sent again") for note in backend.notes())


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (busy(), "429: too busy now"),
        (broken_stream, "broke off"),
        (stream_without_end, "broke off before its end"),
        (error_in_stream, "out of device memory"),
    ],
)
def test_a_lasting_fault_is_named_after_so_many_tries(
    server: Served, fault: object, words: str
) -> None:
    backend = connect(server, ",retries=2")
    server.faults = [fault] * 9  # type: ignore[list-item]
    with pytest.raises(ModelError, match=rf"failed 3 times.*{words}"):
        say(backend)
    assert len(server.faults) == 6


def test_retry_after_is_kept_to(server: Served) -> None:
    backend = connect(server)
    server.faults = [busy(429, retry_after="0.4")]
    start = time.monotonic()
    say(backend)
    assert time.monotonic() - start >= 0.4


# Names without the hour: two processes that collect a second apart must find the same tests.
@pytest.mark.parametrize(
    "value", ["3600", format_datetime(IN_AN_HOUR, usegmt=True)], ids=["seconds", "date"]
)
def test_a_pause_that_is_too_long_is_not_waited_for(server: Served, value: str) -> None:
    backend = connect(server)
    server.faults = [busy(429, retry_after=value)]
    with pytest.raises(ModelError, match=r"failed 1 times.*asks to wait [1-3]\d\d\d s"):
        say(backend)


def test_a_useless_retry_after_is_ignored(server: Served) -> None:
    backend = connect(server)
    server.faults = [busy(429, retry_after="soon")]
    assert say(backend)


def test_nobody_listens() -> None:
    model = parse_model(f"openai:http://127.0.0.1:{free_port()}/v1,model=x")
    start = time.monotonic()
    with pytest.raises(ModelError, match=r"Nobody answers at http://127.*Start the server"):
        OpenAIHttp(model, model.target)
    assert time.monotonic() - start < 5


def test_a_web_server_is_no_model_server(server: Served) -> None:
    backend = connect(server)
    server.faults = [web_page]
    with pytest.raises(ModelError, match=r"not JSON: '<html>It works!</html>'.*its /v1"):
        say(backend)
    wrong = parse_model(f"openai:{server.url.removesuffix('/v1')},model=tiny")
    with pytest.raises(ModelError, match=r"no /completions and no /chat/completions.*/v1"):
        OpenAIHttp(wrong, wrong.target)


@pytest.mark.parametrize(
    "answer", ['{"choices": 3}', '{"choices": [{"text": 5}]}', "[]", '{"choices": [[]]}']
)
def test_an_answer_of_another_form_is_told(server: Served, answer: str) -> None:
    def odd(handler: Handler) -> bool:
        handler.send(200, answer)
        return True

    backend = connect(server)
    server.faults = [odd, odd]
    with pytest.raises(ModelError, match=r"another form than OpenAI's|JSON that is no object"):
        say(backend)
    if "text" not in answer:
        with pytest.raises(ModelError, match=r"another form than|JSON that is no object"):
            backend.choice_logprobs(["A"], ["b"])


def test_silence_ends(server: Served) -> None:
    backend = connect(server, ",timeout_s=0.3")
    server.faults = [silence]
    with pytest.raises(ModelError, match=r"silent for 0\.3 s"):
        say(backend)


def test_a_redirect_is_not_followed(server: Served) -> None:
    def elsewhere(handler: Handler) -> bool:
        handler.send(307, {}, location="http://example.invalid/v1/completions")
        return True

    backend = connect(server)
    server.faults = [elsewhere]
    with pytest.raises(ModelError, match=r"redirects to http://example\.invalid"):
        say(backend)


def test_the_key_comes_from_the_environment(
    server: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.key = KEY
    with pytest.raises(ModelError, match=r"401.*OPENAI_API_KEY is not set"):
        connect(server)
    monkeypatch.setenv("OPENAI_API_KEY", f"{KEY}\n")
    assert say(connect(server))
    monkeypatch.setenv("OTHER_KEY", KEY)
    monkeypatch.delenv("OPENAI_API_KEY")
    assert say(connect(server, ",key_env=OTHER_KEY"))


def test_the_key_is_never_shown(server: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    server.key = "another"
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    # The server repeats the key in its answer.
    with pytest.raises(ModelError, match=r"Incorrect API key provided: Bearer \*\*\*") as caught:
        connect(server)
    assert KEY not in str(caught.value) and "holds another key" in str(caught.value)
    with pytest.raises(InputError, match="key_env names NO_SUCH_KEY"):
        connect(server, ",key_env=NO_SUCH_KEY")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-\N{SNOWMAN}")
    with pytest.raises(InputError, match="OPENAI_API_KEY holds characters") as caught:
        connect(server)
    assert "\N{SNOWMAN}" not in str(caught.value)


def test_a_key_goes_to_no_other_host_in_clear_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a key whose variable was named does; the default one needs HTTPS or this machine."""
    from slmbench.schema.model_spec import ServerSpec

    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    plain, named = ServerSpec(model="x"), ServerSpec(model="x", key_env="OPENAI_API_KEY")
    sent = {
        (url, spec.key_env): "authorization" in openai_wire.Wire(url, spec)._client.headers
        for url in ("http://models.invalid/v1", "https://models.invalid/v1", "http://[::1]:9/v1")
        for spec in (plain, named)
    }
    assert [each for each, is_sent in sent.items() if not is_sent] == [
        ("http://models.invalid/v1", None)
    ]


def test_no_proxy_stands_before_this_machine(
    server: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    assert say(connect(server))
    # The proxy is real to whoever does go through it.
    far = parse_model("openai:http://models.invalid/v1,model=x")
    with pytest.raises(ModelError, match="Connection refused"):
        OpenAIHttp(far, far.target)
