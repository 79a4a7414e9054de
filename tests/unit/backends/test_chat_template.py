"""A conversation is laid out as transformers does it, and a template can do nothing else."""

from __future__ import annotations

import pytest

from slmbench.backends.chat_template import lay_out
from slmbench.errors import InputError

SPECIAL = {"bos_token": "<s>", "eos_token": "</s>"}
TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}\n"
    "    {% if message['role'] == 'system' %}{% continue %}{% endif %}\n"
    "<|{{ message['role'] }}|>{{ message['content'] | trim }}{{ eos_token }}"
    "{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
TALK = [
    {"role": "system", "content": "Be short."},
    {"role": "user", "content": " Is it late? "},
    {"role": "assistant", "content": "It is"},
]


@pytest.mark.parametrize("add_prompt", [True, False])
def test_as_transformers(add_prompt: bool) -> None:
    transformers = pytest.importorskip("transformers")
    from slmbench.resources import reference_dir

    if not (reference_dir() / "pico" / "tokenizer.json").is_file():
        pytest.skip("the reference model pico has no tokenizer here")
    tokenizer = transformers.AutoTokenizer.from_pretrained(str(reference_dir() / "pico"))
    theirs = tokenizer.apply_chat_template(
        TALK, chat_template=TEMPLATE, tokenize=False, add_generation_prompt=add_prompt,
        continue_final_message=not add_prompt,
    )  # fmt: skip
    assert lay_out(TEMPLATE, TALK, add_prompt, SPECIAL) == theirs


def test_the_answer_is_left_open() -> None:
    assert lay_out(TEMPLATE, TALK, False, SPECIAL).endswith("<|assistant|>It is")
    assert lay_out(TEMPLATE, TALK[:2], True, SPECIAL).endswith("late?</s><|assistant|>")


@pytest.mark.parametrize(
    ("template", "complaint"),
    [
        ("{% for x in %}", "Expected an expression"),
        ("{{ raise_exception('no system turn') }}", "no system turn"),
        ("{{ messages.__class__.__mro__ }}", "unsafe"),
        ("{{ messages.append(1) }}", "unsafe"),
    ],
)
def test_a_template_that_breaks_is_told(template: str, complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        lay_out(template, TALK, True, SPECIAL)


def test_a_template_that_hides_the_answer_can_not_be_gone_on_with() -> None:
    with pytest.raises(InputError, match="can't be gone on with"):
        lay_out("<|user|>", TALK, False, SPECIAL)


def test_tools_of_templates_are_there() -> None:
    found = lay_out("{{ strftime_now('%Y') | length }}{{ messages[0] | tojson }}", TALK, True, {})
    assert found == '4{"role": "system", "content": "Be short."}'
