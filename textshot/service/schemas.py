"""What goes in and out as JSON. Unknown fields are refused: a typo is told, not swallowed."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from textshot.service.keys import Role
from textshot.types import KeyKind

MOST_MATCHES = 100
MOST_NAME = 1000
MOST_EXAMPLES = 1000
MOST_WRITTEN = 1 << 52
"""Half of what the library counts to: whatever is sent, later corrections have numbers left."""

_A_TEXT = "they took the money twice"
_A_CATEGORY: dict[str, Any] = {"name": "double charge", "description": "", "examples": [_A_TEXT]}

UnknownBecause = Literal["empty", "below_threshold", "near_nothing", "no_categories"]
"""Why a text is unknown: it says nothing; its best score is below the threshold; it is nearer to a
text that is known to fit no category; the index is empty."""

Threshold = Annotated[float, Field(ge=-1, le=1, allow_inf_nan=False)] | Literal["auto"] | None
NAME = r"^[^\x00-\x1f]*[^\x00-\x1f\s][^\x00-\x1f]*$"
"""What the library takes as a name: on one line, and not blank."""

Name = Annotated[str, Field(max_length=MOST_NAME, pattern=NAME)]
Said = Annotated[str, Field(pattern=r"\S", description="Not blank.")]


def _whole(value: Any) -> Any:
    """Take 3.0 for 3, as JSON does."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Out(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Classify(_In):
    """Texts to be sorted into categories."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"texts": [_A_TEXT], "k": 3}]})

    texts: list[str] = Field(min_length=1, description="One to `max_texts` of /v1/info.")
    k: Annotated[int, BeforeValidator(_whole)] = Field(
        3, ge=1, le=MOST_MATCHES, description="Matches of each text."
    )
    threshold: Threshold = Field(
        "auto", description='"auto": that of the index; a cosine; null: always answer.'
    )


class Key(_Out):
    """What stands for a category and was nearest; the text is null where texts are private."""

    kind: KeyKind
    text: str | None
    source: str
    written: int = Field(description="The order in which corrections came; 0: no correction.")


class Match(_Out):
    """A category that came near."""

    label: str
    score: float = Field(description="Cosine, -1 to 1.")
    key: Key


class Prediction(_Out):
    """The answer for one text; `label` is null where none of the categories fits."""

    label: str | None
    probability: float | None = Field(description="Of the answer being right, where calibrated.")
    score: float = Field(description="Cosine of the best category.")
    margin: float = Field(description="What it is ahead of the second.")
    threshold: float | None = Field(description="What had to be reached; null: always answered.")
    unknown_because: UnknownBecause | None
    matches: list[Match]


class _Of(_Out):
    index: str
    index_generation: int


class Predictions(_Of):
    """An answer for each text, in their order, all by the same generation of the index."""

    predictions: list[Prediction]
    encoder_fingerprint: str


class NewExample(_In):
    """An example, with where it comes from: so a category can be sent back as it was read."""

    text: Said
    source: str = Field("example", max_length=MOST_NAME)
    written: Annotated[int, BeforeValidator(_whole)] = Field(
        0, ge=0, le=MOST_WRITTEN, description="The order in which corrections came; 0: none."
    )


def _as_example(value: Any) -> Any:
    """Take a bare text for an example that was there from the start."""
    if isinstance(value, str):
        return {"text": value}
    if isinstance(value, dict):
        return value
    raise PydanticCustomError("example_type", "a text, or an object with a text, is needed")


TextOrExample = Annotated[
    NewExample, BeforeValidator(_as_example, json_schema_input_type=Said | NewExample)
]


class CategoryBody(_In):
    """What stands for a category beside its name."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{k: v for k, v in _A_CATEGORY.items() if k != "name"}]}
    )

    description: str = ""
    examples: list[TextOrExample] = Field(default=[], max_length=MOST_EXAMPLES)
    parent: Name | None = None
    threshold: Annotated[float, Field(ge=-1, le=1, allow_inf_nan=False)] | None = None
    metadata: dict[str, str] = Field(default={}, max_length=100)


class NewCategory(CategoryBody):
    """A category."""

    model_config = ConfigDict(json_schema_extra={"examples": [_A_CATEGORY]})

    name: Name


class Example(_Out):
    """An example of a category; the text is null in a private index."""

    text: str | None
    source: str
    written: int = Field(description="The order in which corrections came; 0: no correction.")


class Category(_Out):
    """A category of an index."""

    name: str
    description: str | None
    parent: str | None
    threshold: float | None
    metadata: dict[str, str]
    examples: list[Example]


class Categories(_Of):
    """Categories, sorted by name."""

    categories: list[Category]
    total: int


class OneCategory(_Of):
    """A category."""

    category: Category


class Written(_Of):
    """What a change made of a category; null: it is gone. `changed`: it was not so before."""

    category: Category | None
    changed: bool


class Correction(_In):
    """A text and where it belongs; null: it fits no category."""

    text: Said
    label: Name | None


class Corrections(_In):
    """What people say about texts."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"corrections": [{"text": _A_TEXT, "label": "double charge"}]}]
        }
    )

    corrections: list[Correction] = Field(min_length=1, max_length=MOST_EXAMPLES)


class Corrected(_Of):
    """The answers for these texts from now on."""

    predictions: list[Prediction]
    changed: bool


class BadRow(_Out):
    """A row of a file that could not be used."""

    line: int
    reason: str


class FileProgress(_Out):
    """How far an uploaded file is."""

    state: Literal["reading", "running", "done", "failed"]
    fraction: float | None = Field(description="0 to 1; null: not known.")
    rows: int
    unknown: int | None = Field(description="Known at the end.")
    rejected: int
    problems: list[BadRow] = Field(description="The first hundred.")


class EncoderInfo(_Out):
    """What encodes the texts of an index."""

    name: str
    fingerprint: str
    kind: str
    dim: int


class IndexInfo(_Out):
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
    reload_error: str | None = Field(description="Why what is on disk now is not taken.")


class LimitsInfo(_Out):
    """What is taken at most."""

    max_body: int
    max_file: int
    max_texts: int
    max_characters: int
    deadline: float


class Info(_Out):
    """The service, as this caller may use it."""

    version: str
    writable: bool
    role: Role
    draining: bool
    limits: LimitsInfo
    indexes: list[IndexInfo]


class Live(_Out):
    """The process runs."""

    live: bool


class Ready(_Out):
    """Whether requests are answered."""

    ready: bool
    reason: Literal["loading", "draining"] | None = None


class ErrorBody(_Out):
    """What went wrong, for programs and for people."""

    code: str
    message: str
    request_id: str


class Error(_Out):
    """Every answer that is no success."""

    error: ErrorBody


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the error answers of a route for its description."""
    return {status: {"model": Error} for status in statuses}
