"""Strategies by name, by parts, and by plug-in."""

import sys
from textwrap import dedent

import pytest

from strategies import (
    Choice,
    Float,
    Full,
    Grid,
    Patience,
    Random,
    Space,
    Strategy,
    StrategyError,
    SuccessiveHalving,
    find,
    names,
    parse_strategy,
    table,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("grid", Strategy(Grid(), Full())),
        ("halving", Strategy(Random(), SuccessiveHalving())),
        ("patience", Strategy(Random(), Full(), Patience())),
        ("halving+grid", Strategy(Grid(), SuccessiveHalving())),
        (" patience + halving ", Strategy(Random(), SuccessiveHalving(), Patience())),
    ],
)
def test_parts_come_in_any_order(text, expected):
    """Names joined by plus signs, in any order; a missing searcher is random, a missing scheduler full."""
    assert parse_strategy(text) == expected


def test_the_name_is_canonical():
    """Searcher, scheduler, stopper; settings are not told."""
    assert Strategy().name == "random+full"
    assert Strategy(Grid(3), SuccessiveHalving(eta=5), Patience(2)).name == "grid+halving+patience"


def test_json_holds_every_setting():
    """The stored form names each part and writes out all of its settings, defaults too."""
    assert Strategy(Grid({"x": 3}), SuccessiveHalving(trials=7)).to_dict() == {
        "searcher": {"name": "grid", "settings": {"points": {"x": 3}}},
        "scheduler": {"name": "halving", "settings": {"eta": 3, "min_epochs": 1, "trials": 7}},
    }
    assert Strategy.from_dict({"scheduler": {"name": "halving", "settings": {"eta": 4}}}) == Strategy(
        scheduler=SuccessiveHalving(eta=4)
    )


def test_every_part_is_checked():
    """A strategy does not fit when its searcher does not fit the space, or its scheduler the horizon."""
    space = Space(x=Float(0, 1), c=Choice("a"))
    Strategy(Grid(2), SuccessiveHalving()).check(space, 3)
    with pytest.raises(StrategyError, match="resolution"):
        Strategy(Grid(), SuccessiveHalving()).check(space, 3)
    with pytest.raises(StrategyError, match="max_epochs"):
        Strategy(Grid(2), SuccessiveHalving()).check(space, 2)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (
            lambda: parse_strategy("gird"),
            "Unknown strategy 'gird'. Did you mean 'grid'? There are: grid, random, sobol",
        ),
        (lambda: parse_strategy("grid++full"), "Unknown strategy ''."),
        (lambda: parse_strategy("grid+random"), "one searcher, but 'grid' and 'random' are two"),
        (lambda: Strategy(Full()), "Full() is no searcher"),
        (lambda: Strategy(stopper=Full()), "Full() is no stopper"),
        (lambda: Strategy.from_dict({"searcher": "grid"}), "searcher of a strategy is a table"),
        (
            lambda: Strategy.from_dict({"searcher": {"name": "grid", "settings": {"point": 3}}}),
            "Did you mean 'points'?",
        ),
        (lambda: Strategy.from_dict({"searcher": {"name": "random", "settings": {"n": 3}}}), "It has none."),
    ],
)
def test_a_strategy_that_cannot_be(make, says):
    """A faulty strategy raises a StrategyError that says what is wrong, and what there is."""
    with pytest.raises(StrategyError) as raised:
        make()
    assert says in str(raised.value)


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Install a package with entry points for strategies: a distribution on the path, as pip would leave it."""

    def installed(code, *, package="shelf", **entries):
        (tmp_path / f"{package}_code.py").write_text(dedent(code))
        metadata = tmp_path / f"{package}-1.0.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        lines = [f"{name} = {package}_code:{attribute}" for name, attribute in entries.items()]
        (metadata / "entry_points.txt").write_text("\n".join(["[hpo.strategies]", *lines]))
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.delitem(sys.modules, f"{package}_code", raising=False)

    return installed


PLUGIN = """
    from dataclasses import dataclass
    from strategies import Proposal, Searcher

    @dataclass(frozen=True)
    class Corner(Searcher):
        summary = "The lower corner."
        scale: float = 1.0

        def propose(self, number, history, rng):
            return Proposal(history.space.decode(rng.random(history.space.dimension) * 0))
"""


def test_a_plugin_is_a_strategy_like_ours(install):
    """An installed entry point is listed, parsed, named and stored; built-in names are found without loading it."""
    install(PLUGIN, corner="Corner")
    find("grid")
    assert "shelf_code" not in sys.modules
    assert "corner" in names()
    strategy = parse_strategy("corner+halving")
    assert strategy.name == "corner+halving"
    assert Strategy.from_dict(strategy.to_dict()) == strategy
    (entry,) = [entry for entry in table() if entry.name == "corner"]
    assert (entry.kind, entry.summary) == ("searcher", "The lower corner.")


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("raise OSError('no licence')", "cannot be loaded: OSError: no licence"),
        ("Other = 3", "cannot be loaded: AttributeError"),
        ("def Corner(): pass", "must be a subclass of Searcher, Scheduler or Stopper"),
        ("class Corner: pass", "must be a subclass of Searcher, Scheduler or Stopper"),
        ("from strategies import Proposal, Searcher as Corner", "it lacks propose"),
        (PLUGIN.replace("(frozen=True)", ""), "must be a frozen dataclass"),
        (PLUGIN.replace('summary = "The lower corner."', ""), "lacks a `summary`"),
        (PLUGIN.replace("float = 1.0", "float"), "its setting 'scale' must have a default"),
    ],
)
def test_a_broken_plugin_is_named(install, code, says):
    """A plug-in that cannot be loaded, or is no strategy, raises a StrategyError with its name, place and package."""
    install(code, corner="Corner")
    with pytest.raises(StrategyError) as raised:
        find("corner")
    assert "'corner' (shelf_code:Corner) of the package 'shelf'" in str(raised.value)
    assert says in str(raised.value)


def test_a_plugin_does_not_shadow_ours(install):
    """A plug-in with a built-in name changes nothing, and is named when strategies are listed."""
    install(PLUGIN, grid="Corner")
    assert find("grid") is Grid
    with pytest.raises(StrategyError, match=r"'grid' .* takes the name of a built-in"):
        names()


def test_two_plugins_of_one_name(install):
    """Two packages that claim the same name are both named."""
    install(PLUGIN, corner="Corner")
    install(PLUGIN, package="attic", corner="Corner")
    with pytest.raises(StrategyError, match="clash") as raised:
        find("corner")
    assert "'shelf'" in str(raised.value)
    assert "'attic'" in str(raised.value)


def test_a_class_without_a_name_says_how_to_get_one():
    """A component that is not registered has no name, and so no stored form."""

    class Mine(Random):
        pass

    with pytest.raises(StrategyError, match=r"Mine has no name: add it to the entry points 'hpo\.strategies'"):
        _ = Strategy(Mine()).name
