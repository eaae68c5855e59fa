"""hpo strategies: what there is to choose from, and what is chosen where nobody does."""

from hpo.cli.consoles import answers
from hpo.cli.options import Format, Formatted
from hpo.cli.output import write_rows, write_table

_COMBINED = """
Join a searcher, a scheduler and a stopper by plus signs, each at most once and in any order:
  hpo run digits --strategy random+halving+patience
Without a searcher it is random; without a scheduler every trial trains in full.

Where nothing is said, and with --strategy auto, the first of these that applies decides:
"""


def strategies(*, form: Formatted = Format.TABLE) -> None:
    """List the strategies, how to combine them, and the rules by which auto chooses.

    As CSV and JSON the rules follow the strategies: of the kind auto, with when they apply.
    """
    from strategies import table
    from strategies.auto import RULES

    known = [[entry.name, entry.kind, entry.summary] for entry in table()]
    if form is Format.TABLE:
        write_table(["name", "kind", "summary"], known)
        answers().print(_COMBINED)
        write_table(["when", "strategy", "why"], [[rule.when, rule.strategy, rule.reason] for rule in RULES])
        return
    rules = [[rule.strategy, "auto", rule.reason, rule.when] for rule in RULES]
    write_rows(["name", "kind", "summary", "when"], [*([*line, None] for line in known), *rules], form)
