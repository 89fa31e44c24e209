"""Labelled texts organised by category, and parts of them with no category in common."""

from textshot.training.corpus.corpus import Corpus, check_enough, join
from textshot.training.corpus.prepare import CorpusReport, make_corpus
from textshot.training.corpus.splits import Splits, split_categories, split_lists

__all__ = [
    "Corpus",
    "CorpusReport",
    "Splits",
    "check_enough",
    "join",
    "make_corpus",
    "split_categories",
    "split_lists",
]
