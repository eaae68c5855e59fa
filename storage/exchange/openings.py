"""Which studies there is work on, for workers that are there for any of them."""

from collections.abc import Collection
from typing import Final

import sqlalchemy as sa

from storage.connection.outages import persistent
from storage.database import Database
from storage.schema.tables import studies, workers
from storage.studies import OPEN, is_by_hand

SETTLING: Final = 10.0
"""Seconds that a new study's maker has to begin with it: the first to work on it fixes its parallelism."""


@persistent
def list_open(database: Database, names: Collection[str] = ()) -> list[str]:
    """Return the names of the open studies (of `names`, if any), those with the fewest workers first, then the oldest.

    Studies that are driven by ask and tell are nobody else's work.
    """
    count = sa.select(sa.func.count()).where(workers.c.study_id == studies.c.id).scalar_subquery()
    query = (
        sa.select(studies.c.name, studies.c.objective)
        .where(studies.c.state == OPEN)
        .order_by(count, studies.c.created_at, studies.c.id)
    )
    if names:
        query = query.where(studies.c.name.in_(names))
    with database.read() as connection:
        settled = studies.c.created_at < database.now(connection) - SETTLING
        rows = connection.execute(query.where(studies.c.parallelism.is_not(None) | settled)).all()
    return [row.name for row in rows if not is_by_hand(row.objective)]
