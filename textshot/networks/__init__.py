"""Ways to score texts against categories, and what they learn by. Importing this needs no torch."""

from textshot.networks.base import (
    DESCRIPTION,
    EXAMPLE,
    NAME,
    EpisodeEmbeddings,
    Network,
    Parameters,
    Setting,
)
from textshot.networks.linear import Linear
from textshot.networks.matching import Matching
from textshot.networks.memory import Memory
from textshot.networks.prototypical import Prototypical
from textshot.networks.registry import NETWORKS, make_network
from textshot.networks.siamese import Siamese
from textshot.networks.store import (
    from_bytes,
    network_beside,
    put_beside,
    to_bytes,
    trained_categories,
)

__all__ = [
    "DESCRIPTION",
    "EXAMPLE",
    "NAME",
    "NETWORKS",
    "EpisodeEmbeddings",
    "Linear",
    "Matching",
    "Memory",
    "Network",
    "Parameters",
    "Prototypical",
    "Setting",
    "Siamese",
    "from_bytes",
    "make_network",
    "network_beside",
    "put_beside",
    "to_bytes",
    "trained_categories",
]
