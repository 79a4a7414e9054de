"""Turn energy into carbon: grams of CO2 equivalent for each kWh of a country's electricity."""

from __future__ import annotations

import importlib.util
import json
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any

from slmbench.errors import InputError, did_you_mean

_WORLD = 475.0
_WORLD_SOURCE = (
    "world average of 2018, IEA Global Energy & CO2 Status Report 2019 "
    "(https://www.iea.org/reports/global-energy-co2-status-report-2019/emissions)"
)
# Two-letter codes people write; codecarbon's table has three-letter ones.
_SHORT = {
    "AU": "AUS", "BR": "BRA", "CA": "CAN", "CH": "CHE", "CN": "CHN", "DE": "DEU", "ES": "ESP",
    "FI": "FIN", "FR": "FRA", "GB": "GBR", "IE": "IRL", "IN": "IND", "IT": "ITA", "JP": "JPN",
    "KR": "KOR", "NL": "NLD", "NO": "NOR", "PL": "POL", "SE": "SWE", "SG": "SGP", "UK": "GBR",
    "US": "USA", "ZA": "ZAF",
}  # fmt: skip


def gco2e_per_kwh(country: str = "world") -> tuple[float, str]:
    """Return the carbon intensity of a country's electricity in g CO2e/kWh, and its source.

    ``country`` is ``world``, a code (``FRA``, ``FR``) or an English name (``France``). Countries
    come from the data files of codecarbon, so the figures are as new as that package.

    Raises:
        InputError: the country isn't known, or codecarbon isn't there to look it up.
    """
    word = country.strip()
    if word.lower() == "world":
        return _WORLD, _WORLD_SOURCE
    table = _countries()
    code = _SHORT.get(word.upper(), word.upper())
    names = {str(row.get("country_name", "")).lower(): key for key, row in table.items()}
    row = table.get(code) or table.get(names.get(word.lower(), ""))
    if row is None:
        near = did_you_mean(word.upper(), [*table, *_SHORT]) if len(word) <= 3 else ""
        near = near or did_you_mean(word.title(), [str(r["country_name"]) for r in table.values()])
        raise InputError(
            f"energy.country '{country}' isn't known.{near} "
            "Give a three-letter code such as FRA, an English name, or 'world'."
        )
    version = metadata.version("codecarbon")
    return float(row["carbon_intensity"]), (
        f"{row['country_name']} {row['year']}, codecarbon {version}, global_energy_mix.json"
    )


@lru_cache(maxsize=1)
def _countries() -> dict[str, dict[str, Any]]:
    """Read codecarbon's table without importing codecarbon, which takes a second and pandas."""
    spec = importlib.util.find_spec("codecarbon")
    if spec is None or not spec.submodule_search_locations:
        raise InputError(
            "A country's carbon intensity is looked up in codecarbon's data. "
            "Run: pip install 'slmbench[energy]', or set energy.country to 'world'."
        )
    folder = Path(spec.submodule_search_locations[0]) / "data" / "private_infra"
    try:
        table = json.loads((folder / "global_energy_mix.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(
            "The installed codecarbon has no readable table of countries. "
            "Run: pip install 'codecarbon>=3.0', or set energy.country to 'world'."
        ) from error
    return {key: row for key, row in table.items() if row.get("carbon_intensity") is not None}
