"""The schema's versions, by Alembic. `upgrade` is the only way a schema comes to be."""

import threading
from pathlib import Path
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage.schema.tables import studies
from storage.schema.views import STABLE_VIEWS

_one_at_a_time: Final = threading.Lock()  # Alembic keeps what it works on in its module


def upgrade(connection: Connection) -> None:
    """Bring the schema behind `connection` to the newest version, within its transaction.

    Each study counts as another edition: whoever still works by the older version reads it anew, and finds out.
    """
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    with _one_at_a_time:
        command.upgrade(config, "head")
    connection.execute(sa.update(studies).values(edition=studies.c.edition + 1))
    make_views(connection)


def make_views(connection: Connection) -> None:
    """Make the views over all studies anew: they hold no data, and belong to the program, not to a version."""
    for name, body in STABLE_VIEWS[connection.dialect.name].items():
        connection.exec_driver_sql(f"DROP VIEW IF EXISTS {name}")
        connection.exec_driver_sql(f"CREATE VIEW {name} AS {body}")
