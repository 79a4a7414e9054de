"""Reading a policy file."""

from __future__ import annotations

import pytest

from slmbench.errors import InputError
from slmbench.gate.policy import load_policy, policy_names

GOOD = """
name: release
rules:
  - metric: accuracy/*/acc
    not_worse_than: baseline
    margin: 0.01
  - metric: memory/chat/peak_resident_bytes
    max: 6 GiB
waivers:
  - rule: memory/chat/peak_resident_bytes
    owner: ann@example.org
    until: 2027-01-31
    why: new allocator
"""


PUBLISHED = """
name: release
alpha: 0.05
on_inconclusive: fail            # or pass, warn
rules:
  - metric: accuracy/*/acc       # globs make a family, corrected with Holm
    not_worse_than: baseline
    margin: 0.01
  - metric: toxicity/everyday/toxicity_probability
    max: 0.05
  - metric: latency/chat/tpot_s@p95
    not_worse_than: baseline
    margin: 5%
  - metric: memory/chat/peak_resident_bytes
    max: 6 GiB
  - metric: energy/chat/j_per_output_token
    better_than: baseline
    how: [counter, rapl]         # provenance required
    severity: warn               # default block
waivers:
  - rule: latency/chat/tpot_s@p95
    owner: an address
    until: 2027-01-31
    why: one line
"""


def test_the_design_s_example_is_a_policy(tmp_path):
    file = tmp_path / "gate.yaml"
    file.write_text(PUBLISHED)
    policy = load_policy(file)
    assert [rule.needs_baseline for rule in policy.rules] == [True, False, True, False, True]
    assert policy.rules[2].margin.relative
    assert (policy.rules[4].how, policy.rules[4].severity) == (("counter", "rapl"), "warn")


def test_a_good_file_is_read(tmp_path):
    file = tmp_path / "gate.yaml"
    file.write_text(GOOD)
    policy = load_policy(file)
    assert (policy.name, len(policy.rules)) == ("release", 2)
    assert policy.rules[1].max.value == 6 * 2**30
    assert policy.waivers[0].until.isoformat() == "2027-01-31"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "must hold a mapping of keys, and holds nothing"),
        ("rules: []", "has no rules"),
        ("rules: [", "is not YAML at line"),
        (GOOD.replace("2027-01-31", "2027-13-45"), "YAML cannot read"),
        (GOOD.replace("6 GiB", "1" * 400), "rules.2.max"),
        ("[" * 5000, "YAML"),
        (GOOD.replace("margin", "margn"), "Did you mean 'margin'"),
        ("!!python/object:os.system {}", "is not YAML"),
    ],
)
def test_a_bad_file_is_an_input_error(tmp_path, text, expected):
    file = tmp_path / "gate.yaml"
    file.write_text(text)
    with pytest.raises(InputError, match=expected) as caught:
        load_policy(file)
    assert "gate.yaml" in str(caught.value)


def test_a_missing_file_and_a_folder_are_input_errors(tmp_path):
    with pytest.raises(InputError, match="No file"):
        load_policy(tmp_path / "nowhere.yaml")
    with pytest.raises(InputError, match="cannot be read"):
        load_policy(tmp_path)


def test_bytes_that_are_no_text_are_an_input_error(tmp_path):
    file = tmp_path / "gate.yaml"
    file.write_bytes(b"\xff\xfe\x00rules")
    with pytest.raises(InputError, match="UTF-8"):
        load_policy(file)


@pytest.mark.parametrize("name", policy_names())
def test_a_shipped_policy_is_found_by_its_name(name):
    assert load_policy(name).name == name


@pytest.mark.parametrize("name", ["relaese", "a" * 5000, "nul\0l"])
def test_an_unknown_name_is_an_input_error_that_lists_the_shipped_ones(name):
    with pytest.raises(InputError, match="Shipped policies: edge, quantization, release"):
        load_policy(name)
