"""Seeded N-way K-shot Q-query episodes as index arrays. Pure NumPy."""

from textshot.evaluation.sampling.episode import Episode, pairs, triplets
from textshot.evaluation.sampling.neighbours import class_neighbours
from textshot.evaluation.sampling.sampler import EpisodeSampler, sample_episodes, stream

__all__ = [
    "Episode",
    "EpisodeSampler",
    "class_neighbours",
    "pairs",
    "sample_episodes",
    "stream",
    "triplets",
]
