"""A whole study on its way: into a file, out of one, from one database to another.

A study file is a zip archive without pickles that any program can read:

    manifest.json         the format's version, the schema's, and each member's rows, bytes and SHA-256
    study.jsonl           one line: the study's row
    trials.jsonl          one JSON object a row and line, in the order of their keys; likewise jobs, measurements,
                          confirmations, interventions, and checkpoints (without their data)
    checkpoints.bin       the checkpoints' data, one after another, if they were wanted

Columns are those of `storage.schema.tables`, without ids of the database. What was running is ready to go on. A file is
written under another name first, and is its owner's alone. Whoever reads one believes nothing of it: see `records` for
what a row may be, `checking` for what rows must be together.
"""

from storage.transfer.moving import copy_study, export_study, import_study

__all__ = ["copy_study", "export_study", "import_study"]
