"""Read a server's answers: texts with the time of each token, and log-probabilities."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from slmbench.backends.openai_wire import Event


@dataclass
class Written:
    """One continuation as it arrived.

    Attributes:
        pieces: of its text, one for each token where ``is_counted``.
        times_s: when each piece was there, on `units.clock`.
        is_counted: the pieces are the server's own tokens; else they are only what it sent.
    """

    pieces: list[str] = field(default_factory=list)
    times_s: list[float] = field(default_factory=list)
    is_counted: bool = False

    @property
    def text(self) -> str:
        """Return all of it."""
        return "".join(self.pieces)

    def add(self, text: str, count: int, now: float) -> None:
        """Add what one event brought: its text, of so many tokens."""
        if count == 0 and self.pieces:
            self.pieces[-1] += text
        elif text or count:
            count = max(1, count)
            self.pieces.extend([text] + [""] * (count - 1))
            self.times_s.extend([now] * count)

    def settle(self, total: int | None) -> None:
        """Make the pieces as many as the server says there are tokens; None where it says none."""
        if total is None:
            return
        self.is_counted = True
        if len(self.pieces) <= total:
            # Tokens that wrote nothing, such as an end of text, or came in one event with others.
            self.pieces.extend([""] * (total - len(self.pieces)))
        elif total > 0:
            self.pieces[total - 1 :] = ["".join(self.pieces[total - 1 :])]
            self.times_s[total - 1 :] = self.times_s[-1:]


@dataclass(frozen=True)
class Reply:
    """What one request got: continuations by their number, and the server's count of the prompt."""

    written: dict[int, Written]
    prompt_tokens: int | None
    model: str | None


def read_stream(events: Iterator[Event]) -> Reply:
    """Return the continuations in a stream of events, as they are counted by the server.

    A token's time is that of the event that brought it. An event brings as many tokens as its
    running count says; without one it brings one, if at the end there were as many events with text
    as tokens. Otherwise the pieces are filled up to the server's count, but the times are not.
    """
    seen = list(events)
    told = [event for _, event in seen if event.get("choices")]
    is_running = len(told) > 1 and all(event.get("usage") for event in told)
    usages: list[dict[str, Any]] = [event["usage"] for _, event in seen if event.get("usage")]
    usage = usages[-1] if usages else {}
    total = usage.get("completion_tokens")
    written = _collected(seen, is_running)
    if len(written) == 1:
        next(iter(written.values())).settle(total)
    else:
        # A count of several texts belongs to each of them only if they add up to the whole.
        if is_running and total != _count(written):
            written = _collected(seen, False)
        for each in written.values():
            each.is_counted = total == _count(written)
    names = [str(event["model"]) for _, event in seen if event.get("model")]
    return Reply(written, usage.get("prompt_tokens"), names[-1] if names else None)


def _collected(seen: Sequence[Event], is_running: bool) -> dict[int, Written]:
    """Return the texts by their number; ``is_running`` says that usage counts up to each event."""
    written: dict[int, Written] = {}
    before: dict[int, int] = {}
    for now, event in seen:
        for choice in event.get("choices") or ():
            number, text = choice.get("index", 0), _text_of(choice)
            count = int(text != "")
            if is_running:
                so_far = event["usage"].get("completion_tokens", 0)
                count, before[number] = max(0, so_far - before.get(number, 0)), so_far
            written.setdefault(number, Written()).add(text, count, now)
    return written


def _count(written: dict[int, Written]) -> int:
    return sum(len(each.pieces) for each in written.values())


def _text_of(choice: dict[str, Any]) -> str:
    """Return the text of a completion's, a chat's or a stream's choice; TypeError if it is none."""
    part = choice if "text" in choice else choice.get("delta") or choice.get("message") or {}
    text = part.get("text" if "text" in choice else "content") or ""
    if not isinstance(text, str):
        raise TypeError(f"a text is {text!r}")
    return text


@dataclass(frozen=True)
class Scored:
    """The tokens of an echoed prompt, with their log-probabilities (natural) and the best ones'."""

    tokens: list[str]
    logprobs: list[float | None]
    best: list[float | None]
    starts: list[int]

    def tail(self, first: int) -> tuple[float, bool] | None:
        """Return (sum, is greedy) from a token on; None where one of them has no number."""
        total, greedy = 0.0, True
        for logprob, best in zip(self.logprobs[first:], self.best[first:], strict=True):
            if logprob is None or not math.isfinite(logprob):
                return None
            total += logprob
            greedy = greedy and best is not None and logprob >= best
        return total, greedy

    def first_after(self, context: str, text: str) -> int | None:
        """Return the number of the first token that holds text after a context.

        A server may count a token before the text (its BOS) in the places where tokens start, and
        may write a character's single bytes as more than they are. So the context's end is looked
        for from the text's start and from its end; None where the two disagree.
        """
        ends = [start + len(token) for start, token in zip(self.starts, self.tokens, strict=True)]
        shift = ends[-1] - len(text)
        if shift != _lead(self.tokens[0], text):
            return None
        boundary = len(context) + shift
        return next((i for i, end in enumerate(ends) if end > boundary), None)


def _lead(first: str, text: str) -> int:
    """Return how many characters the first token has before a text: a space, or all of a BOS."""
    for lead in (0, len(first) - len(first.lstrip())):
        if text.startswith(first[lead:]):
            return lead
    return len(first)


def read_echo(answer: dict[str, Any], prompt: str = "") -> Scored | None:
    """Return the scored prompt in a completion that was asked to echo it; None if it is not there.

    At most one token was asked for beside the prompt; it is taken off. llama-cpp-python's server
    gives each token of a model without BOS the number of the next one, and then its last token is
    not the one that was written: such an answer is None too.
    """
    choices = answer.get("choices") or [{}]
    found = choices[0].get("logprobs") or {}
    tokens, logprobs = found.get("tokens"), found.get("token_logprobs")
    if not tokens or not logprobs or len(tokens) != len(logprobs):
        return None
    usage = answer.get("usage") or {}
    new = usage.get("completion_tokens", 1)
    asked = usage.get("prompt_tokens")
    if len(tokens) <= new or (asked is not None and len(tokens) - new < asked - 1):
        # Only what was written has a log-probability, not what was asked.
        return None
    kept = len(tokens) - new
    starts = found.get("text_offset") or _starts(tokens)
    if found.get("text_offset") and new and starts[kept] < len(prompt):
        return None
    best = [
        max((value for value in each.values() if value is not None), default=None) if each else None
        for each in found.get("top_logprobs") or [None] * len(tokens)
    ]
    return Scored(list(map(str, tokens[:kept])), logprobs[:kept], best[:kept], list(starts[:kept]))


def _starts(tokens: Sequence[str]) -> list[int]:
    starts = [0]
    for token in tokens[:-1]:
        starts.append(starts[-1] + len(token))
    return starts


def first_token(answer: dict[str, Any]) -> list[tuple[str, float]] | None:
    """Return the likeliest first tokens of a reply with their natural-log probabilities, or None.

    The answer is a chat's (``logprobs.content``) or a completion's (``logprobs.top_logprobs``).
    """
    choices = answer.get("choices") or [{}]
    found = choices[0].get("logprobs") or {}
    if found.get("content"):
        likely = found["content"][0].get("top_logprobs") or []
        return [(str(each["token"]), float(each["logprob"])) for each in likely] or None
    if found.get("top_logprobs"):
        first = found["top_logprobs"][0] or {}
        return [(token, float(value)) for token, value in first.items()] or None
    return None


def of_choices(likely: Sequence[tuple[str, float]], choices: Sequence[str]) -> dict[str, float]:
    """Return each choice's natural-log probability; one that no likely token writes is left out.

    Tokens that write the same choice with and without space around it are added up.
    """
    found = {}
    for choice in choices:
        same = [value for token, value in likely if token.strip() == choice.strip()]
        same = [value for value in same if math.isfinite(value)]
        if same:
            top = max(same)
            found[choice] = top + math.log(sum(math.exp(value - top) for value in same))
    return found
