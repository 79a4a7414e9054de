"""Messages from customers of a shop or a bank, each with one open request."""

from __future__ import annotations

import random

from slmbench.reference.textgen.example import Example, chance, fill, sentence
from slmbench.reference.textgen.lexicon import CITIES, DAYS, NAMES, PRODUCTS

PROMPT = "Message: {message}\nIntent:"

OPEN: dict[str, tuple[str, ...]] = {
    "refund": (
        "I sent the {p} back on {d} and I am still waiting for my money",
        "please pay me back for the {p}, I do not want it",
        "the {p} came broken and I want my money back",
        "when will I get back what I paid for the {p}",
        "you charged me twice for the {p}, return one payment",
        "I returned the {p} and nobody has paid me back",
    ),
    "delivery": (
        "where is the {p} I ordered on {d}",
        "the parcel with my {p} has not arrived yet",
        "the driver never came with the {p} on {d}",
        "can you tell me when the {p} will be here",
        "my {p} should have come on {d} and it is still on the way",
        "the tracking page says the {p} is lost in {c}",
    ),
    "password": (
        "I cannot log in to my account since {d}",
        "the site does not take my secret word any more",
        "I forgot how to sign in and the reset mail never comes",
        "please help me to set a new login",
        "my account is locked after three wrong tries",
        "the code to sign in did not reach my phone",
    ),
    "card": (
        "the machine in {c} kept my card on {d}",
        "I lost my card in {c}, please block it",
        "my new card does not work in any shop",
        "somebody stole my card on the train to {c}",
        "my card was declined when I bought a {p}",
        "the chip on my card is damaged",
    ),
    "balance": (
        "how much money is in my account today",
        "can you tell me what is left on my account",
        "I want to know the sum on my savings after {d}",
        "is there enough in my account for a {p}",
        "the amount shown in my account looks wrong",
        "what was the state of my account on {d}",
    ),
    "loan": (
        "I would like to borrow money for a house in {c}",
        "can I get credit to buy a {p}",
        "what rate do you ask if I borrow for five years",
        "I want to pay my debt back sooner",
        "could I borrow a little more before {d}",
        "how long does it take until borrowed money is paid out",
    ),
    "invoice": (
        "I need a bill for the {p} with my company name",
        "please send me the receipt for the {p} again",
        "the tax number on the bill is wrong",
        "my bookkeeper asks for the paper about the {p} bought on {d}",
        "the bill shows two pieces but I bought one {p}",
        "I cannot find the receipt of {d} in my mail",
    ),
    "warranty": (
        "the {p} stopped working after two months, is it still covered",
        "who repairs the {p} if it fails in the first year",
        "my {p} makes a strange sound, can it be repaired for free",
        "is damage by water covered for the {p}",
        "how many years do you cover the {p}",
        "the switch of my {p} fell off, please mend it",
    ),
    "appointment": (
        "can I meet an adviser in {c} on {d}",
        "I would like to come by on {d} to talk to somebody",
        "is there a free hour with the team in {c}",
        "I cannot come on {d}, can we meet later",
        "please book me a talk with your expert",
        "at what time shall I come to the office in {c} on {d}",
    ),
    "address": (
        "I have moved to {c}, please write down my new street",
        "you have the wrong house number for me",
        "from {d} on I live in {c}",
        "my post still goes to my old flat in {c}",
        "we are moving on {d}, where do I change the street",
        "please correct the postcode in my profile",
    ),
    "cancel": (
        "I do not want the {p} any more, please stop the order",
        "please end my contract on {d}",
        "how do I stop my membership",
        "I ordered the {p} by mistake, do not send it",
        "take the {p} out of my order before {d}",
        "I want to leave your service for good",
    ),
    "discount": (
        "the voucher for the {p} does not work",
        "do students pay less for the {p}",
        "is there a lower price if I buy two of the {p}",
        "the sale price of the {p} was not used at the till",
        "my coupon ended on {d}, can you renew it",
        "I saw the {p} cheaper in {c}, do you match that price",
    ),
}
SOLVED: dict[str, tuple[str, ...]] = {
    "refund": ("the money for the {p} is back, thank you", "you have paid me back for the {p}"),
    "delivery": ("the {p} arrived on {d}", "the parcel came on {d}, all is well"),
    "password": ("I can log in again", "the new login works"),
    "card": ("my new card came on {d}", "my card works again"),
    "balance": ("I have seen what is in my account", "the amount in my account is right now"),
    "loan": ("the money I borrowed has been paid out", "my debt is paid"),
    "invoice": ("I have the bill for the {p}", "the receipt of {d} is here"),
    "warranty": ("the {p} was repaired for free", "my {p} has been mended"),
    "appointment": ("I met your adviser on {d}", "the talk in {c} was useful"),
    "address": ("you have my new street", "my post comes to {c} now"),
    "cancel": ("the old order was stopped", "my other contract has ended"),
    "discount": ("the voucher worked", "I paid the lower price for the {p}"),
}
GREETINGS = ("Hello,", "Hi,", "Good morning,", "Dear team,", "Good evening,", "This is {n}.", "")
CLOSINGS = ("Thanks.", "Thank you, {n}.", "Please answer soon.", "Regards, {n}.", "", "")
LINKS = ("{solved}, but {open}.", "{open}. {solved}.", "{solved}. Now {open}.")
NEUTRAL = ("I am a customer from {c}", "I have been with you for years", "I write from {c}")


def draw(rng: random.Random) -> Example:
    """Draw one message; more than half also tell of another request that is already settled."""
    intent = rng.choice(tuple(OPEN))
    others = [name for name in OPEN if name != intent]
    rng.shuffle(others)
    slots = {"d": rng.choice(DAYS), "c": rng.choice(CITIES), "n": rng.choice(NAMES)}
    request = fill(rng, OPEN[intent], p=rng.choice(PRODUCTS), **slots)
    slots["d"] = rng.choice(DAYS)
    solved = fill(rng, SOLVED[others[0]], p=rng.choice(PRODUCTS), **slots)
    if chance(rng, 0.6):
        body = rng.choice(LINKS).format(solved=sentence(solved), open=request)
    elif chance(rng, 0.5):
        body = f"{request}. {fill(rng, NEUTRAL, **slots)}."
    else:
        body = f"{request}."
    body = ". ".join(sentence(part) for part in body.split(". "))
    parts = (fill(rng, GREETINGS, **slots), body, fill(rng, CLOSINGS, **slots))
    message = " ".join(part for part in parts if part)
    return Example(
        cluster=intent,
        prompt=PROMPT.format(message=message),
        answer=intent,
        core=message,
        wrong=tuple(others[:3]),
        shown={"message": message},
    )
