"""Seeded N-way K-shot Q-query episodes as index arrays. Pure NumPy."""

from textshot.episodes.episode import Episode, pairs, triplets
from textshot.episodes.neighbours import class_neighbours
from textshot.episodes.sampler import EpisodeSampler, sample_episodes, stream

__all__ = [
    "Episode",
    "EpisodeSampler",
    "class_neighbours",
    "pairs",
    "sample_episodes",
    "stream",
    "triplets",
]
