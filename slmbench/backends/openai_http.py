"""Run a model behind any OpenAI-compatible server: vLLM, llama-server, Ollama, TGI, transformers.

Plain prompts go to ``/completions``, or as one user message to ``/chat/completions``. What a server
can do is found out by asking it; what it lacks is an error or a note, never a guess.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from slmbench.backends.openai_asking import Asking
from slmbench.backends.openai_dialect import Dialect
from slmbench.backends.openai_load import OpenAILoad
from slmbench.backends.openai_replies import Reply, Scored, Written, of_choices
from slmbench.backends.openai_text import Texts, conversation
from slmbench.backends.openai_wire import Wire
from slmbench.errors import InputError, ModelError, UnsupportedByServer
from slmbench.ports import BackendInfo, Generation, Sampling, Tokens
from slmbench.schema.base import Absent, Measurement
from slmbench.schema.model_spec import ModelSpec
from slmbench.units import clock

Question = TypeVar("Question")
Answer = TypeVar("Answer")

_SIDE_BY_SIDE = 8
_DEFAULT_MAX_LENGTH = 4096
#: So many equal samples of so many tokens do not come from a server that draws them.
_SUSPICIOUS_TOKENS = 8


class OpenAIHttp:
    """A model that a server runs, behind the Backend port.

    Token ids are UTF-8 bytes, or those of the tokenizer that the spec names. What the server wrote
    has one id for each token that it counts. ``token_times_s`` has one time for each token where
    the server's events tell them apart, else one for each event; then it is shorter than
    ``tokens``. ``batch_size`` is how many requests are under way side by side.

    Raises:
        ModelError: nobody answers, the key is refused, or the server does not know the model.
        InputError: the variable that should hold the key is not set.
    """

    def __init__(self, spec: ModelSpec, source: str) -> None:
        """Ask the server at ``source`` for one token, so that what is wrong is told at once."""
        if spec.server is None:
            raise ModelError(f"'{source}' lacks the server's name of the model: add ',model=NAME'.")
        self.batch_size = spec.batch_size or _SIDE_BY_SIDE
        self._timeout_s = spec.server.timeout_s
        self._texts = Texts(spec.server.tokenizer)
        #: lm-eval's bridge reads names of tokens off it.
        self.tokenizer = self._texts.tokenizer
        self._notes: dict[str, None] = {}
        start = clock()
        self._wire = Wire(source, spec.server)
        try:
            self._asking = Asking(self._wire, spec.server)
        except Exception:
            self._wire.close()
            raise
        self._wire.sent_again = 0
        self.info = BackendInfo(
            architecture="openai server",
            dtype="as served",
            device="server",
            parameter_count=None,
            max_length=spec.max_length or self._asking.max_length or _DEFAULT_MAX_LENGTH,
            vocab_size=self._texts.vocab_size,
            eot_token_id=self._texts.eot_token_id,
            prefix_token_id=self._texts.prefix_token_id,
            load_s=clock() - start,
            is_remote=True,
        )
        if spec.max_length is None and self._asking.max_length is None:
            self._note(
                f"the server names no context length: {_DEFAULT_MAX_LENGTH} tokens are assumed "
                "(set max_length=)"
            )
        if self.tokenizer is None:
            self._note(
                "no tokenizer= is named: prompt tokens are UTF-8 bytes, and a context length in "
                "tokens is kept to as if it were bytes"
            )

    def encode(self, text: str, add_special_tokens: bool | None = None) -> list[int]:
        """Return the UTF-8 bytes of a text, or the ids of the tokenizer that the spec names."""
        return self._texts.encode(text, add_special_tokens)

    def decode(self, tokens: Tokens, skip_special_tokens: bool = True) -> str:
        """Return the text of ids, of those that the server wrote too."""
        return self._texts.decode(tokens, skip_special_tokens)

    def generate(self, prompts: Sequence[Tokens], how: Sampling, k: int) -> list[list[Generation]]:
        """Return k continuations of each prompt, up to ``batch_size`` requests side by side.

        Raises:
            UnsupportedByServer: the server has no word for a setting, or no such endpoint; or
                ``how.ignore_eos`` without a tokenizer: a workload's tokens can't be counted.
            ModelError: a request failed for good.
        """
        if how.ignore_eos and self.tokenizer is None:
            raise UnsupportedByServer(
                "A workload has exact numbers of tokens, and the server's tokens aren't known "
                "here. Name the model's tokenizer: tokenizer=FOLDER."
            )
        texts = [self._texts.prompt(prompt) for prompt in prompts]
        # One end is the server's own business, and a server may count stop texts.
        kept = tuple(each for each in how.stop if each and each != self._texts.end_text)
        asked = _with_stop(how, kept)
        start = clock()
        sampled = how.temperature > 0
        # transformers has one state of random numbers for all requests that are under way.
        # llama-cpp-python's server cuts a text off when it is asked for another one.
        alone = self._asking.dialect is Dialect.LLAMA_PYTHON or (
            sampled and self._asking.dialect is Dialect.TRANSFORMERS
        )
        found = self._side_by_side(
            texts,
            lambda text: self._asking.continuations(text, asked, k if sampled else 1),
            1 if alone else self.batch_size,
        )
        rows = []
        for prompt, (writings, replies) in zip(prompts, found, strict=True):
            self._check(prompt, writings, replies, sampled)
            row = [self._generation(each, kept, start) for each in writings]
            rows.append(row if sampled else row * k)
        return rows

    def loglikelihood(self, pairs: Sequence[tuple[Tokens, Tokens]]) -> list[tuple[float, bool]]:
        """Score (context, continuation) pairs by the log-probabilities of an echoed prompt.

        The server tokenizes both as one text. Tokens that hold a character of the continuation are
        its tokens, as their places in the text say.

        Raises:
            UnsupportedByServer: the server does not echo a prompt with log-probabilities.
            InputError: a continuation is empty.
        """
        questions: dict[tuple[str, str, int], None] = {}
        asked = []
        for context, continuation in pairs:
            before = self._texts.prompt(context)
            both = self._texts.prompt([*context, *continuation])
            asked.append((before, both, len(continuation)))
            questions[asked[-1]] = None
        found = self._side_by_side(list(questions), self._score, self.batch_size)
        scores = dict(zip(questions, found, strict=True))
        return [scores[each] for each in asked]

    def choice_logprobs(
        self, prompts: Sequence[str], choices: Sequence[str]
    ) -> list[dict[str, float] | Absent]:
        """Return the natural-log probability of each choice as the first token of a reply.

        Args:
            prompts: texts, of `apply_chat_template` too.
            choices: short texts; space around them makes no difference.

        Returns:
            For each prompt a mapping that lacks a choice which is not among the 20 likeliest first
            tokens (or as many as the server tells), or Absent where the server tells none.
        """
        found = self._side_by_side(prompts, self._asking.first_tokens, self.batch_size)
        return [each if isinstance(each, Absent) else of_choices(each, choices) for each in found]

    def apply_chat_template(self, messages: list[dict[str, str]], add_prompt: bool) -> str:
        """Return a conversation as a prompt text.

        With a tokenizer that has a template, and a server that continues plain texts, it is laid
        out here. Otherwise it is a mark and the messages as JSON, which `generate` recognises and
        sends to ``/chat/completions`` as messages: the server lays them out.
        """
        if self._asking.api == "completions" and getattr(self.tokenizer, "chat_template", None):
            return str(
                self.tokenizer.apply_chat_template(
                    messages, tokenize=False, add_generation_prompt=add_prompt,
                    continue_final_message=not add_prompt,
                )
            )  # fmt: skip
        return conversation(messages, add_prompt)

    def load_client(self) -> OpenAILoad:
        """Return a client that asks many questions at once; see `slmbench.ports.LoadTarget`."""
        return OpenAILoad(self._wire, self._asking, self._texts, self._timeout_s)

    def static_memory(self) -> dict[str, Measurement]:
        """Return Absent for everything: the weights are in the server's process."""
        reason = Absent(reason="the weights are on the server, which does not tell their size")
        return dict.fromkeys(("weight_bytes", "file_bytes", "kv_bytes_per_token"), reason)

    def notes(self) -> tuple[str, ...]:
        """Return which endpoints answered, what the server lacks, and how often it was retried."""
        again = self._wire.sent_again
        late = [f"{again} requests were sent again, their times include it"] if again else []
        return (*self._asking.notes(), *self._notes, *late)

    def close(self) -> None:
        """Close the connections; the server goes on."""
        self._wire.close()

    def _side_by_side(
        self, questions: Sequence[Question], ask: Callable[[Question], Answer], width: int
    ) -> list[Answer]:
        """Return the answers in order; the first failure ends what has not begun yet."""
        if width == 1 or len(questions) < 2:
            return [ask(question) for question in questions]
        with ThreadPoolExecutor(width, "openai") as pool:
            waiting = [pool.submit(ask, question) for question in questions]
            try:
                return [each.result() for each in waiting]
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _score(self, question: tuple[str, str, int]) -> tuple[float, bool]:
        context, both, count = question
        if count == 0:
            raise InputError("An answer to score must hold at least one character.")
        scored = self._asking.echo(both)
        first = self._first(scored, context, both, count)
        found = None if first is None else scored.tail(first)
        if found is None:
            raise UnsupportedByServer(
                f"The server gives no log-probability of '{self._wire.clean(both)[:60]}': its "
                "tokenizer puts no token before a text. Name it with tokenizer=FOLDER."
            )
        return found

    def _first(self, scored: Scored, context: str, both: str, count: int) -> int | None:
        """Return the number of the continuation's first token."""
        if both.startswith(context):
            first = scored.first_after(context, both)
            if first is not None:
                return first
        if self.tokenizer is not None:
            return max(0, len(scored.tokens) - count)
        # Places in the text are of no use, so the context's tokens are counted (as lm-eval does).
        self._note("where places of tokens were unclear, the tokens of the context were counted")
        return len(self._asking.echo(context).tokens) if context else 0

    def _generation(self, one: Written, stop: Iterable[str], start: float) -> Generation:
        text = one.text
        for term in stop:
            text = text.split(term)[0]
        times = tuple(time - start for time in one.times_s)
        return Generation(text, self._texts.ids_of(one.pieces), times)

    def _check(
        self, prompt: Tokens, writings: Sequence[Written], replies: Sequence[Reply], sampled: bool
    ) -> None:
        """Note what a reader should doubt in the answers to one prompt."""
        if not all(each.is_counted for each in writings):
            self._note("the server counts no tokens of some texts: its events were counted")
        long = [each.text for each in writings if len(each.pieces) >= _SUSPICIOUS_TOKENS]
        if sampled and len(long) > 1 and len(set(long)) == 1:
            self._note("samples of one prompt were all equal: the server may draw none")
        counted = {reply.prompt_tokens for reply in replies} - {None, len(prompt)}
        if self.tokenizer is not None and counted and max(prompt, default=0) < self.info.vocab_size:
            self._note(
                "the server counted other numbers of prompt tokens than the tokenizer (a BOS, or "
                f"another tokenizer), first {counted.pop()} for {len(prompt)}"
            )
        self._asking.compare(reply.model for reply in replies)

    def _note(self, text: str) -> None:
        head = text.split(", first ")[0]
        if not any(known.startswith(head) for known in self._notes):
            self._notes[text] = None


def _with_stop(how: Sampling, stop: tuple[str, ...]) -> Sampling:
    return Sampling(
        how.max_new_tokens, how.temperature, how.top_p, how.top_k, stop, how.seed, how.ignore_eos
    )
