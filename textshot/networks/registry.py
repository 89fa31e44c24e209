"""Networks by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Literal, get_args, get_origin, get_type_hints

from textshot.errors import InvalidTextsError
from textshot.networks.base import Network, Setting
from textshot.networks.linear import Linear
from textshot.networks.matching import Matching
from textshot.networks.memory import Memory
from textshot.networks.prototypical import Prototypical
from textshot.networks.siamese import Siamese

NETWORKS: Mapping[str, type[Network]] = {
    kind.name: kind for kind in (Matching, Prototypical, Siamese, Memory, Linear)
}
"""Each network's class by its name, the default first."""


def make_network(name: str, **settings: Setting) -> Network:
    """Return an unlearned network of this name.

    Raises:
        InvalidTextsError: no such network, no such setting, or a value that it cannot have.
    """
    if name not in NETWORKS:
        raise InvalidTextsError(f"network {name!r} is not known; choose {', '.join(NETWORKS)}")
    kind = NETWORKS[name]
    hints = get_type_hints(kind)
    known = [field.name for field in fields(kind) if field.name != "parameters"]
    for setting, value in settings.items():
        if setting not in known:
            raise InvalidTextsError(
                f"the {name} network has no setting {setting!r};"
                f" it has {', '.join(known) or 'none'}"
            )
        wanted = _plain(hints[setting])
        # In Python True is an int, and an int is as good as a float.
        fits = type(value) is wanted or (wanted is float and type(value) is int)
        if not fits:
            raise InvalidTextsError(
                f"{setting} is {value!r}; the {name} network needs {wanted.__name__}"
            )
    return kind(**settings)  # type: ignore[arg-type]


def _plain(hint: Any) -> type:
    found: type = type(get_args(hint)[0]) if get_origin(hint) is Literal else hint
    return found
