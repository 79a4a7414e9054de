"""llama.cpp on real small weights: the numbers are those of transformers, however it is asked."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from slmbench.errors import InputError, ModelError
from slmbench.plan.model_text import parse_model
from slmbench.ports import Backend, Sampling
from slmbench.resources import reference_dir
from slmbench.schema.base import Measured
from tests.served_gguf import gguf_of

#: The F32 file and transformers agree to this, summed over an answer; the last bits are the sum's.
TOLERANCE = 1e-3
TEXTS = (
    "The cat sat on the mat.",
    "Two and two make 1234 and 5",
    "  two  spaces\n\n\tand tabs 12 ",
    "na\u00efve caf\u00e9 \u65e5\u672c \U0001f600 x",
    "<s>Hello</s> there",
    "it's we'll don't",
    "",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("gguf")


def load(path: Path, **options: object) -> Backend:
    from slmbench.backends.gguf_llama import Gguf

    written = "".join(f",{key}={value}" for key, value in {"threads": 1, **options}.items())
    return Gguf(parse_model(f"gguf:{path}{written}"), str(path))


@pytest.fixture(scope="module")
def pico(folder: Path) -> Iterator[Backend]:
    made = load(gguf_of("pico", folder))
    yield made
    made.close()


@pytest.fixture(scope="module", params=["pico", "micro", "stories260K"])
def twins(request: pytest.FixtureRequest, folder: Path) -> Iterator[tuple[Backend, Backend]]:
    """The same weights under llama.cpp and under transformers."""
    torch = pytest.importorskip("torch")
    from slmbench.backends.huggingface import HuggingFace

    if request.param == "stories260K":
        source = request.getfixturevalue("stories")
        pytest.importorskip("llama_cpp", reason="the extra gguf isn't installed")
        from slmbench.reference.to_gguf import convert

        path = folder / "stories.gguf"
        convert(source, path)
    else:
        source, path = reference_dir() / request.param, gguf_of(request.param, folder)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    theirs = HuggingFace(parse_model(f"hf:{source},dtype=float32,device=cpu"), str(source))
    mine = load(path)
    yield mine, theirs
    mine.close()
    theirs.close()
    torch.set_num_threads(threads)


def pairs_of(model: Backend) -> list[tuple[list[int], list[int]]]:
    ends = (" and then", " mat", " four", "!", " of the")
    texts = [text for text in TEXTS if text]
    return [(model.encode(t), model.encode(end, False)) for t in texts for end in ends]


@pytest.mark.parametrize("special", [None, True, False])
def test_tokens_are_those_of_transformers(
    twins: tuple[Backend, Backend], special: bool | None
) -> None:
    mine, theirs = twins
    for text in TEXTS:
        tokens = mine.encode(text, special)
        assert tokens == theirs.encode(text, special), text
        assert mine.decode(tokens) == theirs.decode(tokens)


def test_what_it_says_of_itself(twins: tuple[Backend, Backend]) -> None:
    mine, theirs = twins
    for name in ("parameter_count", "max_length", "vocab_size", "eot_token_id", "prefix_token_id"):
        assert getattr(mine.info, name) == getattr(theirs.info, name), name
    assert mine.info.dtype == "F32" and mine.info.device == "cpu" and not mine.info.is_remote
    cache = theirs.static_memory()["kv_bytes_per_token"]
    found = mine.static_memory()["kv_bytes_per_token"]
    assert isinstance(found, Measured) and isinstance(cache, Measured)
    assert found.value == cache.value


def test_scores_are_those_of_transformers(twins: tuple[Backend, Backend]) -> None:
    mine, theirs = twins
    pairs = pairs_of(mine)
    found, wanted = mine.loglikelihood(pairs), theirs.loglikelihood(pairs)
    assert [s for s, _ in found] == pytest.approx([s for s, _ in wanted], abs=TOLERANCE)
    assert [greedy for _, greedy in found] == [greedy for _, greedy in wanted]


def test_long_contexts_are_cut_as_with_transformers(twins: tuple[Backend, Backend]) -> None:
    """Longer than a pass, as long as the window, and longer than that."""
    mine, theirs = twins
    rng = np.random.default_rng(5)
    rows = rng.integers(3, mine.info.vocab_size, size=(3, 700)).tolist()
    most = mine.info.max_length
    pairs = [
        (row[:length], row[length : length + answer])
        for row in rows[:2]
        for length, answer in ((400, 3), (most - 3, 3), (most - 2, 3), (most + 40, 3))
    ]
    pairs.append((rows[2][:1], rows[2][1 : most + 1]))
    found, wanted = mine.loglikelihood(pairs), theirs.loglikelihood(pairs)
    # The last one is a sum over a whole window of unlikely tokens.
    assert [s for s, _ in found] == pytest.approx([s for s, _ in wanted], rel=1e-6, abs=TOLERANCE)


@pytest.mark.parametrize(
    "how",
    [
        Sampling(30),
        Sampling(30, temperature=1.0, top_p=0.9, seed=4),
        Sampling(12, temperature=0.8, top_k=20, ignore_eos=True),
        Sampling(30, stop=(" the", "\n")),
    ],
    ids=["greedy", "top_p", "top_k", "stop"],
)
def test_texts_are_those_of_transformers(twins: tuple[Backend, Backend], how: Sampling) -> None:
    """Drawn ones too: both draw from the same random numbers."""
    mine, theirs = twins
    prompts = [mine.encode(text) for text in TEXTS if text]
    k = 3 if how.temperature else 1
    found, wanted = mine.generate(prompts, how, k), theirs.generate(prompts, how, k)
    assert [[each.tokens for each in row] for row in found] == [
        [each.tokens for each in row] for row in wanted
    ]
    assert [[each.text for each in row] for row in found] == [
        [each.text for each in row] for row in wanted
    ]


@pytest.mark.parametrize("kind", ["Q8_0", "Q4_0"])
def test_a_quantized_file_is_smaller_and_near(kind: str, folder: Path, pico: Backend) -> None:
    path = gguf_of("pico", folder, kind)
    model = load(path)
    sizes = model.static_memory()
    weights, files = sizes["weight_bytes"], sizes["file_bytes"]
    whole = pico.static_memory()["weight_bytes"]
    assert isinstance(weights, Measured) and isinstance(whole, Measured)
    assert isinstance(files, Measured)
    assert weights.value < whole.value / (3 if kind == "Q8_0" else 4)
    assert weights.value < files.value == path.stat().st_size
    assert model.info.dtype == kind
    text = "The cat sat on the mat and the dog sat under the table. It was late."
    context, answer = pico.encode(text)[:2], pico.encode(text)[2:]
    [(near, _)] = model.loglikelihood([(context, answer)])
    [(exact, _)] = pico.loglikelihood([(context, answer)])
    assert near != exact
    assert near == pytest.approx(exact, abs=(0.05 if kind == "Q8_0" else 0.4) * len(answer))
    # What else is in the batch moves not even a quantized model's numbers.
    pairs = pairs_of(model)
    alone = [model.loglikelihood([pair])[0][0] for pair in pairs]
    assert [s for s, _ in model.loglikelihood(pairs)] == pytest.approx(alone, abs=1e-4)
    model.close()


def test_a_pass_may_be_small(pico: Backend, folder: Path) -> None:
    narrow = load(gguf_of("pico", folder), token_budget=16)
    pairs = pairs_of(pico)
    wanted = [s for s, _ in pico.loglikelihood(pairs)]
    assert [s for s, _ in narrow.loglikelihood(pairs)] == pytest.approx(wanted, abs=1e-4)
    prompts = [pico.encode(text) for text in TEXTS[:3]]
    how = Sampling(10)
    assert [row[0].tokens for row in narrow.generate(prompts, how, 1)] == [
        row[0].tokens for row in pico.generate(prompts, how, 1)
    ]
    narrow.close()


def test_what_is_shared_is_read_once(pico: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    from slmbench.backends.gguf_native import Session

    read: list[int] = []
    plain = Session.read

    def counted(self: Session, steps: list[object]) -> object:
        read.append(len(steps))
        return plain(self, steps)  # type: ignore[arg-type]

    monkeypatch.setattr(Session, "read", counted)
    start = pico.encode("Once upon a time there was a little girl who lived in a house by the sea.")
    pairs = [([*start, i], [j, j + 1]) for i in range(10, 14) for j in range(20, 24)]
    pico.loglikelihood(pairs)
    # The start, the four tokens after it, and the first token of each answer: no token twice.
    assert sum(read) == len(start) + 4 + 16
    read.clear()
    pico.generate([start], Sampling(4, temperature=1.0, ignore_eos=True), 5)
    assert sum(read) == len(start) + 5 * 3


def test_more_continuations_than_places(pico: Backend, folder: Path) -> None:
    narrow = load(gguf_of("pico", folder), batch_size=2)
    how = Sampling(6, temperature=1.0, seed=2)
    prompts = [pico.encode(text) for text in TEXTS[:3]]
    wide = [[each.tokens for each in row] for row in pico.generate(prompts, how, 5)]
    assert [[each.tokens for each in row] for row in narrow.generate(prompts, how, 5)] == wide
    narrow.close()


def test_a_longer_text_gets_a_longer_cache(folder: Path) -> None:
    model = load(gguf_of("pico", folder))
    before = model.loglikelihood([([5, 6], [7])])
    model.generate([[5] * 400], Sampling(100, ignore_eos=True), 1)
    assert model.loglikelihood([([5, 6], [7])]) == before
    model.close()


def test_options(folder: Path) -> None:
    path = gguf_of("pico", folder)
    model = load(path, max_length=64, kv_dtype="float16", add_bos_token="true")
    assert model.info.max_length == 64
    assert any("float16 key/value cache" in note for note in model.notes())
    half = model.static_memory()["kv_bytes_per_token"]
    assert isinstance(half, Measured) and half.value == 640
    with pytest.raises(InputError, match="leave no room"):
        model.generate([[5]], Sampling(64), 1)
    with pytest.raises(InputError, match="doesn't fit"):
        model.loglikelihood([([5], [6] * 65)])
    model.close()


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ("dtype=bfloat16", "'dtype' is decided by the GGUF file"),
        ("revision=main", "'revision' is decided by the GGUF file"),
        ("gpu_layers=-2", "gpu_layers"),
        ("kv_dtype=q4", "kv_dtype"),
    ],
)
def test_options_it_has_not(options: str, complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        parse_model(f"gguf:x.gguf,{options}")
    with pytest.raises(InputError, match="options of the backend gguf"):
        parse_model("hf:x,gpu_layers=3")


def test_a_gpu_that_is_not_there(folder: Path) -> None:
    import llama_cpp

    if llama_cpp.llama_supports_gpu_offload():
        pytest.skip("this llama-cpp-python can use a GPU")
    with pytest.raises(ModelError, match="built for CPUs"):
        load(gguf_of("pico", folder), gpu_layers=2)
    with pytest.raises(ModelError, match="Unknown device 'tpu'"):
        load(gguf_of("pico", folder), device="tpu")


def test_wrong_questions(pico: Backend) -> None:
    for pair in (([], [5]), ([5], [])):
        with pytest.raises(InputError, match="at least one token"):
            pico.loglikelihood([pair])
    with pytest.raises(InputError, match="at least one token"):
        pico.generate([[]], Sampling(2), 1)
    for tokens in ([-1], [99_999]):
        with pytest.raises(InputError, match="outside the vocabulary"):
            pico.loglikelihood([(tokens, [5])])
        with pytest.raises(InputError, match="outside the vocabulary"):
            pico.generate([tokens], Sampling(2), 1)
        with pytest.raises(InputError, match="outside the vocabulary"):
            pico.decode(tokens)
    with pytest.raises(InputError, match="has no chat template"):
        pico.apply_chat_template([{"role": "user", "content": "x"}], True)


def test_files_that_llama_cpp_refuses(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    raw = gguf_of("pico", folder).read_bytes()
    strange = folder / "strange.gguf"
    # The value of general.architecture, behind its length.
    named = b"\x05\0\0\0\0\0\0\0llama"
    assert named in raw
    strange.write_bytes(raw.replace(named, named[:-1] + b"x", 1))
    with pytest.raises(ModelError, match=r"can't load .*strange\.gguf.*llamx"):
        load(strange)
    cut = folder / "cut.gguf"
    cut.write_bytes(raw[:-40])
    with pytest.raises(ModelError, match=r"cut\.gguf"):
        load(cut)
    assert capfd.readouterr() == ("", "")


def test_it_is_quiet_and_needs_no_torch(folder: Path) -> None:
    path = gguf_of("pico", folder)
    script = (
        "import sys; sys.modules['torch'] = sys.modules['transformers'] = None\n"
        "from slmbench.backends.gguf_llama import Gguf\n"
        "from slmbench.plan.model_text import parse_model\n"
        "from slmbench.ports import Sampling\n"
        f"model = Gguf(parse_model('gguf:x.gguf,threads=1'), {str(path)!r})\n"
        "model.loglikelihood([([5, 6], [7])])\n"
        "model.generate([[5, 6]], Sampling(4, temperature=1.0), 2)\n"
        "model.close()\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
