"""hpo strategies: what there is to choose from."""

from hpo.cli.consoles import answers
from hpo.cli.options import Format, Formatted
from hpo.cli.output import write_rows


def strategies(*, form: Formatted = Format.TABLE) -> None:
    """List the strategies, and how to combine them."""
    from strategies import table

    write_rows(["name", "kind", "summary"], [[entry.name, entry.kind, entry.summary] for entry in table()], form)
    if form is Format.TABLE:
        answers().print(
            "\nJoin a searcher, a scheduler and a stopper by plus signs, each at most once and in any order:\n"
            "  hpo run digits --strategy random+halving+patience\n"
            "Without a searcher it is random; without a scheduler every trial trains in full."
        )
