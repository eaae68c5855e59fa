"""Whether a transaction has happened, where the line broke before its commit was answered."""

from sqlalchemy.engine import Connection


def mark(connection: Connection) -> int | None:
    """Return what tells this transaction from every other; None on SQLite, whose commits are always answered."""
    if connection.dialect.name != "postgresql":
        return None
    return int(connection.exec_driver_sql("SELECT txid_current()").scalar_one())


def has_happened(connection: Connection, marked: int | None) -> bool:
    """Tell whether the transaction of that mark was committed; it has to be over, as one is whose lock is held now.

    A server that crashed may give the mark of a lost one to another: look for what was written, too.
    """
    if marked is None:
        return False
    return bool(connection.exec_driver_sql(f"SELECT txid_status({marked}) = 'committed'").scalar_one())
