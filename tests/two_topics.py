"""Categories of two topics each, for the hashing encoder: one vector cannot hold one of them."""

from __future__ import annotations

import numpy as np

from textshot import Category

ENCODER = "hashing-16"
TOPICS = {
    "invoice": ("receipt tax billing amount total", "parcel courier delivery tracking van"),
    "account": ("password login reset email profile", "screen battery charger cable phone"),
    "people": ("salary job contract apply interview", "table chair lamp sofa shelf"),
}


def two_topic_categories(n: int = 20) -> list[Category]:
    """Return three categories with n texts about each of their two topics."""
    rng = np.random.default_rng(0)
    return [
        Category(
            name,
            examples=[
                *(
                    f"{' '.join(rng.choice(words.split(), 3))} {place}{i}"
                    for place, words in enumerate(topics)
                    for i in range(n)
                )
            ],
        )
        for name, topics in TOPICS.items()
    ]
