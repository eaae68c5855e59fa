"""hpo pause: everybody leaves a study, until it is resumed."""

from hpo.cli.consoles import person
from hpo.cli.options import Storage, StudyName
from hpo.cli.studies import next_command, opened


def pause(name: StudyName, *, storage: Storage = None) -> None:
    """Let the workers of every host finish their epochs, save and leave; hpo resume goes on."""
    with opened(name, storage) as study:
        study.pause()
        say, count = person().print, study.overview().workers
        say(f"paused study {study.name}" + (f"; {count:,} workers finish their epochs and leave" if count else ""))
        say(f"go on with: {next_command(study.database, 'resume', study.name)}", soft_wrap=True)
