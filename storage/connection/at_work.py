"""Who is at work on a database, on whatever study: what changes all of it waits until they have left."""

from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage.errors import StorageError

_LIVELY: Final = 30.0  # seconds without a sign of life after which a worker is no longer waited for

# These columns have been there since the first schema, which an older database may have.
_workers: Final = sa.table("workers", sa.column("study_id"), sa.column("seen_at"))
_studies: Final = sa.table("studies", sa.column("id"), sa.column("name"))


def refuse_while_at_work(connection: Connection, now: float, url: str) -> None:
    """Raise StorageError when a worker has given a sign of life lately, with the names of the studies at work."""
    query = (
        sa.select(_studies.c.name)
        .distinct()
        .join_from(_workers, _studies, _studies.c.id == _workers.c.study_id)
        .where(_workers.c.seen_at > now - _LIVELY)
        .order_by(_studies.c.name)
    )
    busy = connection.execute(query).scalars().all()
    if busy:
        named = ", ".join(repr(name) for name in busy[:5])
        raise StorageError(
            f"workers are at work in {url}, on {named}: stop them first (Ctrl-C where they run); one that "
            f"was killed counts for {_LIVELY:.0f} s more"
        )
