"""Rank a task's passages for its questions: by words, by meaning, or by the model under test."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from slmbench.ports import Backend, Context, TextItem
from slmbench.schema.base import Absent
from slmbench.suites.prompts import Prompts
from slmbench.suites.rag.task import Means, Retrieval
from slmbench.suites.taskfile import text_hash
from slmbench.suites.textscores import cut_of

try:
    import bm25s
except ImportError:  # the other ways to rank do not need it
    bm25s = None

_NO_BM25 = "ranking by bm25 needs bm25s. Run: pip install 'slmbench[rag]'"
#: Questions whose passages are scored between two checkpoints.
_PART = 8


@dataclass(frozen=True)
class Rankings:
    """The ids of the passages for each question, best first, and who ranked them.

    ``cut_count`` is how many passages were shortened to fit a model, for each question anew where
    it reads them with the question.
    """

    ids: tuple[tuple[str, ...], ...]
    provenance: str
    cut_count: int = 0


class Retriever:
    """Ranks the passages of a task. Nothing is fetched and nothing written.

    Args:
        how: which candidates a model is given to rank again.
        questions: what is asked.
        passages: id -> text, in the order that equal scores keep.
        backend: the model under test, for ``query_likelihood``.
        context: for checkpoints and for the encoder of ``embedding``.
    """

    def __init__(
        self,
        how: Retrieval,
        questions: Sequence[str],
        passages: dict[str, str],
        backend: Backend,
        context: Context,
    ) -> None:
        self._how = how
        self._questions = questions
        self._passages = passages
        self._backend = backend
        self._context = context

    def rank(self, by: Means, told: Callable[[int], None]) -> Rankings | Absent:
        """Return every question's ranking of the passages, or why there is none.

        With candidates, ``query_likelihood`` ranks only those, so that its rankings are that long.
        ``told`` is called with how many questions the model has ranked passages for.
        """
        if by == "embedding":
            return self._by_embedding()
        if by == "query_likelihood" and self._how.candidates is None:
            return self._by_likelihood([list(self._passages)] * len(self._questions), told)
        if bm25s is None:
            return Absent(reason=_NO_BM25)
        first = self._by_words()
        if by == "bm25":
            return first
        again = self._by_likelihood([list(ids[: self._how.candidates]) for ids in first.ids], told)
        return Rankings(again.ids, f"{again.provenance} over {first.provenance}", again.cut_count)

    def _by_words(self) -> Rankings:
        """Rank by BM25 (Robertson and Zaragoza 2009) as bm25s computes it, Lucene's form."""
        quiet = {"stopwords": "english", "show_progress": False, "return_ids": False}
        model = bm25s.BM25(method="lucene", k1=1.5, b=0.75)
        words = bm25s.tokenize(list(self._passages.values()), **quiet)
        provenance = f"bm25s@{bm25s.__version__}:lucene,k1=1.5,b=0.75,stopwords=english"
        ids = list(self._passages)
        if not any(words):
            return Rankings(tuple(tuple(ids) for _ in self._questions), provenance)
        model.index(words, show_progress=False)
        found = [
            _best_first(ids, model.get_scores(asked).tolist() if asked else [0.0] * len(ids))
            for asked in bm25s.tokenize(list(self._questions), **quiet)
        ]
        return Rankings(tuple(found), provenance)

    def _by_embedding(self) -> Rankings | Absent:
        """Rank by the cosine of question and passage in the request's sentence encoder."""
        context = self._context
        scorer = context.scorer("embedding_cosine", model=context.spec.scorers.embedding)
        if isinstance(scorer, Absent):
            return scorer
        items = [
            TextItem(output=text, reference=question)
            for question in self._questions
            for text in self._passages.values()
        ]
        values: list[float] = []
        for score in scorer.score(items):
            if isinstance(score, Absent):
                return score
            values.append(score)
        ids, count = list(self._passages), len(self._passages)
        starts = range(0, len(values), count)
        cut = cut_of(scorer)
        found = [_best_first(ids, values[start : start + count]) for start in starts]
        return Rankings(tuple(found), scorer.provenance, cut)

    def _by_likelihood(
        self, candidates: Sequence[list[str]], told: Callable[[int], None]
    ) -> Rankings:
        """Rank by log P(question | passage) under the model itself.

        The query likelihood of Ponte and Croft (1998, SIGIR), with a neural model as in Sachan et
        al. 2022, arXiv 2204.07496. A question has the same tokens after every passage, so its sum
        of log-likelihoods needs no division by length.
        """
        cut = 0
        found: list[tuple[str, ...]] = []
        for start in range(0, len(self._questions), _PART):
            pairs: list[tuple[list[int], list[int]]] = []
            part = candidates[start : start + _PART]
            for question, ids in zip(self._questions[start : start + _PART], part, strict=True):
                more, shortened = self._pairs(question, ids)
                pairs += more
                cut += shortened

            def compute(pairs: list[tuple[list[int], list[int]]] = pairs) -> list[float]:
                return [score for score, _ in self._backend.loglikelihood(pairs)]

            key = f"rag/likelihood/{start}/{text_hash(repr(pairs))}"
            scores = iter(self._context.checkpoint(key, compute))
            found.extend(_best_first(ids, [float(next(scores)) for _ in ids]) for ids in part)
            told(len(part))
        return Rankings(tuple(found), "query-likelihood@1:the model under test", cut)

    def _pairs(
        self, question: str, ids: Sequence[str]
    ) -> tuple[list[tuple[list[int], list[int]]], int]:
        """Return (passage, question) in tokens, and how many passages had to be shortened."""
        encode = self._backend.encode
        # In parts, so that only the passage is cut where it doesn't fit.
        before, after = Prompts().render("passage", passage="\0").split("\0")
        asked = encode(" " + question, add_special_tokens=False)
        ending = encode(after, add_special_tokens=False)
        room = max(0, self._backend.info.max_length - len(asked) - len(ending))
        heads = [encode(before + self._passages[each]) for each in ids]
        pairs = [([*head[:room], *ending], asked) for head in heads]
        return pairs, sum(len(head) > room for head in heads)


def _best_first(ids: list[str], scores: list[float]) -> tuple[str, ...]:
    order = sorted(range(len(ids)), key=lambda place: -scores[place])
    return tuple(ids[place] for place in order)
