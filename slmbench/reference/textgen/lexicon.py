"""The closed word lists that every generator draws from."""

from __future__ import annotations


def listed(text: str) -> list[str]:
    """Split words written in one line."""
    return text.split()


# Short lists on purpose: the smallest model must meet every word often to learn to copy it.
WOMEN = listed("Anna Maria Clara Nora Olga Vera Hanna Ivy")
MEN = listed("Tom Peter Oscar Paul Boris Erik Karl Leo")
NAMES = [name for pair in zip(WOMEN, MEN, strict=True) for name in pair]
CITIES = listed("Oslo Paris Rome Berlin Vienna Madrid Lisbon Dublin London Athens")
DAYS = listed("Monday Tuesday Wednesday Thursday Friday Saturday Sunday")
MONTHS = listed(
    "January February March April May June July August September October November December"
)
PRODUCTS = listed("kettle lamp chair table phone camera clock mirror tent heater radio desk")
COLOURS = listed("red blue green yellow black white brown orange")
THINGS = listed("book key cup letter coin ball map pen watch hat")
ROOMS = listed("kitchen garden cellar office attic hall shed boat")
SPOTS = [*ROOMS, *listed("drawer bag basket car")]
PEOPLE = listed("brother sister mother uncle cousin teacher friend doctor")
FOODS = listed("soup bread rice salad cheese cake fish eggs")


def pronoun(name: str) -> str:
    """The subject pronoun of a name in the lists."""
    return "she" if name in WOMEN else "he"


def possessive(name: str) -> str:
    """The possessive of a name in the lists."""
    return "her" if name in WOMEN else "his"
