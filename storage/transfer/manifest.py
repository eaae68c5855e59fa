"""What a study file is made of, and what its manifest says of that."""

from typing import Annotated, Final, final

from pydantic import BaseModel, ConfigDict, Field

FORMAT: Final = 1
"""The version of the format: it rises when older programs could not read it."""

MANIFEST: Final = "manifest.json"
DATA: Final = "checkpoints.bin"


@final
class Member(BaseModel):
    """What the manifest says of a member."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    rows: Annotated[int, Field(ge=0, lt=2**63)]
    bytes: Annotated[int, Field(ge=0, lt=2**63)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


@final
class Manifest(BaseModel):
    """What is in a study file."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    format: int
    schema_version: Annotated[str, Field(pattern=r"^\d{4}$")]
    members: dict[str, Member]
