"""Write the JSON schema of gate policies: ``python -m tests.house.policy_schema``."""

from __future__ import annotations

import json

from slmbench.schema.policy import policy_schema
from tests.house.package_source import ROOT

POLICIES = ROOT / "tasks" / "presets" / "policies"
SCHEMA = POLICIES / "policy.schema.json"


def schema_text() -> str:
    """Return what the committed file must hold."""
    return json.dumps(policy_schema(), indent=2) + "\n"


def main() -> None:
    """Write the file."""
    SCHEMA.write_text(schema_text(), encoding="utf-8")


if __name__ == "__main__":
    main()
