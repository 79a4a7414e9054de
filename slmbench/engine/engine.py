"""What a backend uses: one loaded model, scored and continued the way its architecture allows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from slmbench.engine.ability import Ability
from slmbench.engine.budget import Budget
from slmbench.engine.generation import Generator
from slmbench.engine.plain_generation import continue_plainly
from slmbench.engine.probe import probe
from slmbench.engine.scoring import Pair, Score, Scoring
from slmbench.errors import InputError
from slmbench.ports import Generation, Sampling

#: Settings of a checkpoint's generation_config that our own steps don't follow, and what they are
#: where they ask for nothing. A model that asks is continued by transformers.
_FOREIGN_SETTINGS: dict[str, tuple[Any, ...]] = {
    "bad_words_ids": (None,),
    "dola_layers": (None,),
    "force_words_ids": (None, []),
    "max_time": (None,),
    "penalty_alpha": (None, 0.0),
    "stop_strings": (None,),
    "token_healing": (None, False),
    "begin_suppress_tokens": (None,),
    "epsilon_cutoff": (None, 0.0),
    "eta_cutoff": (None, 0.0),
    "exponential_decay_length_penalty": (None,),
    "forced_bos_token_id": (None,),
    "forced_eos_token_id": (None,),
    "guidance_scale": (None, 1.0),
    "min_length": (None, 0),
    "min_new_tokens": (None, 0),
    "min_p": (None, 0.0),
    "no_repeat_ngram_size": (None, 0),
    "num_beams": (None, 1),
    "sequence_bias": (None,),
    "suppress_tokens": (None,),
    "typical_p": (None, 1.0),
    "watermarking_config": (None,),
}


class Engine:
    """Scores and continues under one model.

    Args:
        model: a transformers language model in evaluation mode.
        max_length: tokens of the context window.
        decode: token ids -> text without special tokens.
        tokens: tokens of one forward pass; None chooses from free memory.
        rows: sequences of one plain batch, and texts that grow side by side (fewer where memory is
            short); None chooses.
    """

    def __init__(
        self,
        model: Any,
        max_length: int,
        decode: Callable[[Sequence[int]], str],
        tokens: int | None = None,
        rows: int | None = None,
    ) -> None:
        self._model = model
        self._decode = decode
        self._max_length = max_length
        self._budget = Budget(model, tokens, rows)
        #: Texts that grow side by side where memory is not short.
        self.rows = self._budget.side_by_side()
        self._ability: Ability | None = None
        self._scoring: Scoring | None = None
        self._generator: Generator | None = None

    @property
    def ability(self) -> Ability:
        """Return how this model can be run; found out when first asked."""
        if self._ability is None:
            self._ability = probe(self._model, self._max_length)
        return self._ability

    def score(self, pairs: Sequence[Pair]) -> list[Score]:
        """Score (context, continuation) pairs; see `Scoring.score`."""
        if self._scoring is None:
            self._scoring = Scoring(self._model, self._max_length, self._budget, self.ability)
        return self._scoring.score(pairs)

    def generate(
        self, prompts: Sequence[Sequence[int]], how: Sampling, k: int
    ) -> list[list[Generation]]:
        """Return k continuations of each prompt; see `Generator.run`."""
        if not prompts:
            return []
        if not all(prompts):
            raise InputError("A prompt to continue must hold at least one token.")
        ends = _end_tokens(self._model)
        if self._scoring is not None:
            self._scoring.forget()
        tokens = max(map(len, prompts)) + how.max_new_tokens
        rows = min(self.rows, self._budget.growing_rows(tokens))
        if not self.ability.tree or self._foreign_setting() is not None:
            rows = rows if self.ability.batches else 1
            return continue_plainly(self._model, prompts, how, k, ends, rows, self._decode)
        if self._generator is None:
            self._generator = Generator(
                self._model,
                split=self.ability.split,
                rows=rows,
                pass_tokens=self._budget.tokens,
                ends=ends,
                decode=self._decode,
                penalty=self._model.generation_config.repetition_penalty or 1.0,
            )
        # Anew for each call: one call of long prompts must not slow down those after it.
        self._generator.rows = rows
        return self._generator.run(prompts, how, k)

    def notes(self) -> tuple[str, ...]:
        """Return what a reader of a record should know of how answers were computed."""
        if self._ability is None:
            return ()
        notes = [f"engine: {self._ability.why}"]
        foreign = self._foreign_setting()
        if foreign is not None:
            notes.append(
                f"generation by transformers: the checkpoint's generation_config sets {foreign}"
            )
        return tuple(notes)

    def _foreign_setting(self) -> str | None:
        config = self._model.generation_config
        return next(
            (
                name
                for name, neutral in _FOREIGN_SETTINGS.items()
                if getattr(config, name, None) not in neutral
            ),
            None,
        )


def _end_tokens(model: Any) -> list[int]:
    ends = model.generation_config.eos_token_id
    if ends is None:
        ends = model.config.get_text_config().eos_token_id
    return [] if ends is None else list(ends) if isinstance(ends, list | tuple) else [int(ends)]
