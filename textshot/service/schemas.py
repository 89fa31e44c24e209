"""The JSON of the HTTP API; unknown fields are refused, so that a typo is an error."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from textshot._characters import invisible_class
from textshot.service.access import Role
from textshot.types import KeyKind

MAX_MATCHES = 100
MAX_NAME_LENGTH = 1000
MAX_EXAMPLES = 1000
MAX_WRITTEN = 1 << 52  # half of the library's maximum, which leaves numbers for later corrections

_TEXT = "they took the money twice"
_BODY: dict[str, Any] = {"description": "", "examples": [_TEXT]}
_WRITTEN = "Order of a correction; 0: not a correction."
_CORRECTION: dict[str, Any] = {"text": _TEXT, "label": "double charge"}

UnknownBecause = Literal["empty", "unreadable", "below_threshold", "near_nothing", "no_categories"]
"""Why a text is unknown: it is blank; the encoder knows no word of it; its best score is below the
threshold; an out-of-scope example is nearer than any category; the index has no categories."""

Cosine = Annotated[float, Field(ge=-1, le=1, allow_inf_nan=False)]

_INVISIBLE = invisible_class()
NAME = rf"^[^\x00-\x1f\ufffd]*[^{_INVISIBLE}\ufffd][^\x00-\x1f\ufffd]*$"
"""A category name: one line, not blank, and no U+FFFD, which stands for what cannot be read."""
NOT_BLANK = rf"[^{_INVISIBLE}]"

Name = Annotated[str, Field(max_length=MAX_NAME_LENGTH, pattern=NAME)]
NotBlank = Annotated[str, Field(pattern=NOT_BLANK, description="Not blank.")]


def _integer(value: Any) -> Any:
    """Accept 3.0 for 3: JSON does not tell them apart."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Integer = Annotated[int, BeforeValidator(_integer)]


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Response(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Classify(_Request):
    """Texts to classify."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"texts": [_TEXT], "k": 3}]})

    texts: list[str] = Field(min_length=1, description="At most `max_texts` of /v1/info.")
    k: Integer = Field(3, ge=1, le=MAX_MATCHES, description="Number of matches for each text.")
    threshold: Cosine | Literal["auto"] | None = Field(
        "auto", description='"auto": the threshold of the index; a cosine; null: always answer.'
    )


class Key(_Response):
    """The name, description or example that decided; the text is null in a private index."""

    kind: KeyKind
    text: str | None
    source: str
    written: int = Field(description=_WRITTEN)


class Match(_Response):
    """One of the best categories."""

    label: str
    score: float = Field(description="Cosine, -1 to 1.")
    key: Key


class Prediction(_Response):
    """The answer for one text; `label` is null if it fits no category."""

    label: str | None
    probability: float | None = Field(description="That the label is right; null: not calibrated.")
    score: float = Field(description="Cosine of the best category.")
    margin: float = Field(description="Score of the best category minus that of the second.")
    threshold: float | None = Field(description="Minimum score; null: always answer.")
    unknown_because: UnknownBecause | None
    matches: list[Match]


class _IndexResponse(_Response):
    index: str
    index_generation: int


class Predictions(_IndexResponse):
    """One prediction for each text, in order, all by the same generation of the index."""

    predictions: list[Prediction]
    encoder_fingerprint: str


class NewExample(_Request):
    """An example with its source, so that a category can be sent back as it was read."""

    text: NotBlank
    source: str = Field("example", max_length=MAX_NAME_LENGTH)
    written: Integer = Field(0, ge=0, le=MAX_WRITTEN, description=_WRITTEN)


def _as_example(value: Any) -> Any:
    """Accept a bare text as an example."""
    if isinstance(value, str):
        return {"text": value}
    if isinstance(value, dict):
        return value
    raise PydanticCustomError("example_type", "use a text, or an object with a text")


TextOrExample = Annotated[
    NewExample, BeforeValidator(_as_example, json_schema_input_type=NotBlank | NewExample)
]


class CategoryBody(_Request):
    """A category without its name."""

    model_config = ConfigDict(json_schema_extra={"examples": [_BODY]})

    description: str = ""
    examples: list[TextOrExample] = Field(default=[], max_length=MAX_EXAMPLES)
    parent: Name | None = None
    threshold: Cosine | None = None
    metadata: dict[str, str] = Field(default={}, max_length=100)
    allow_similar: bool = Field(
        False, description="Add it beside a name that differs only in case, blanks or form."
    )


class NewCategory(CategoryBody):
    """A category."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "double charge", **_BODY}]})

    name: Name


class Example(_Response):
    """An example of a category; the text is null in a private index."""

    text: str | None
    source: str
    written: int = Field(description=_WRITTEN)


class Category(_Response):
    """A category of an index."""

    name: str
    description: str | None
    parent: str | None
    threshold: float | None
    metadata: dict[str, str]
    examples: list[Example]


class Categories(_IndexResponse):
    """Categories, sorted by name."""

    categories: list[Category]
    total: int


class OneCategory(_IndexResponse):
    """A category."""

    category: Category


class ChangedCategory(_IndexResponse):
    """A category after a change, or null if it was removed."""

    category: Category | None
    changed: bool = Field(description="False: it was in this state before.")
    unreadable: int = Field(0, description="Examples that say nothing to the encoder.")


class Correction(_Request):
    """A text with its right category; null: it fits no category."""

    text: NotBlank
    label: Name | None


class Corrections(_Request):
    """Corrections, applied as one change."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"corrections": [_CORRECTION]}]})

    corrections: list[Correction] = Field(min_length=1, max_length=MAX_EXAMPLES)


class Corrected(_IndexResponse):
    """The predictions for the corrected texts from now on."""

    predictions: list[Prediction]
    changed: bool


class InvalidRow(_Response):
    """A row of a file that could not be read."""

    line: int
    reason: str


class FileProgress(_Response):
    """Progress of an uploaded file."""

    state: Literal["reading", "running", "done", "failed"]
    fraction: float | None = Field(description="0 to 1; null: not known.")
    rows: int
    unknown: int | None = Field(description="Known at the end.")
    rejected: int
    problems: list[InvalidRow] = Field(description="The first hundred.")
    warnings: list[str] = Field(description="What was assumed of the table, such as its sheet.")
    error: str | None = Field(description="Why it failed.")


class EncoderInfo(_Response):
    """The encoder of an index."""

    name: str
    fingerprint: str
    kind: str
    dim: int


class IndexInfo(_Response):
    """An index that is served."""

    name: str
    default: bool
    generation: int
    categories: int
    keys: int
    calibrated: bool
    threshold: float | None
    private: bool
    encoder: EncoderInfo
    loaded: str
    reload_error: str | None = Field(description="Why the generation on disk is not in use.")


class LimitsInfo(_Response):
    """Limits of a request."""

    max_body: int
    max_file: int
    max_texts: int
    max_characters: int
    deadline: float


class Info(_Response):
    """The service, and what this caller may do."""

    version: str
    writable: bool
    role: Role
    draining: bool
    limits: LimitsInfo
    indexes: list[IndexInfo]


class Live(_Response):
    """The process runs."""

    live: bool


class Ready(_Response):
    """Whether the service accepts requests."""

    ready: bool
    reason: Literal["loading", "draining"] | None = None
