"""The errors of this floor; `hpo/errors.py` draws the whole tree."""

from strategies.errors import HpoError


class StorageError(HpoError):
    """The database cannot be opened, read or written. The message says which one, why, and what to do."""


class Unavailable(StorageError):  # noqa: N818 - the name is the condition
    """The database is out of reach for the moment, or another transaction got in the way: trying again may help."""


class SurgeryError(StorageError, ValueError):
    """What is asked of a study or a trial cannot be done as it stands: retrying one that did not fail, say."""


class StudyNotFound(StorageError, KeyError):  # noqa: N818 - the name is the condition
    """No study of that name is in the database."""

    def __str__(self) -> str:
        """Return the message itself (KeyError would quote it)."""
        return str(self.args[0])


class StudyExists(StorageError):  # noqa: N818 - the name is the condition
    """A study of that name is in the database already."""


class CheckpointError(StorageError, ValueError):
    """A state that cannot be kept as arrays and JSON, or a checkpoint that is damaged."""


class StudyFileError(StorageError, ValueError):
    """A file that was to hold a study, and is damaged, foreign or dishonest; or one that cannot be written."""
