"""Networks that score texts against categories. Importing this needs no torch."""

from textshot.networks.base import DESCRIPTION, EXAMPLE, NAME, EpisodeEmbeddings, Network
from textshot.networks.linear import Linear
from textshot.networks.matching import Matching
from textshot.networks.memory import Memory
from textshot.networks.prototypical import Prototypical
from textshot.networks.siamese import Siamese
from textshot.networks.store import (
    NETWORKS,
    from_bytes,
    from_settings,
    load_network,
    make_network,
    save_network,
    stored_settings,
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
    "Prototypical",
    "Siamese",
    "from_bytes",
    "from_settings",
    "load_network",
    "make_network",
    "save_network",
    "stored_settings",
    "to_bytes",
    "trained_categories",
]
