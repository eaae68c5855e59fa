"""What a space may become while it is searched: wider, so that every point that was tried is still one of them."""

from typing import TYPE_CHECKING

from strategies.errors import SpaceError
from strategies.parameters import Choice, Interval
from strategies.space import Space

if TYPE_CHECKING:
    from collections.abc import Mapping

    from strategies.parameters import Parameter


def widened(space: Space, changes: "Mapping[str, Parameter]") -> Space:
    """Return the space with these parameters in place of those it has, in the order that it has.

    Ranges may begin lower and end higher, choices may have more values after those they have. Raises SpaceError for
    anything else: a parameter that is new, of another kind or scale, under another condition, or narrower.
    """
    for name in changes:
        if name not in space.parameters:
            raise SpaceError(
                f"parameter {name!r} is not in the space, and the points that were tried have no value of it: it takes "
                f"a new study to add one. The space has {', '.join(space.parameters)}"
            )
    wider = Space({name: changes.get(name, each) for name, each in space.parameters.items()})
    for name, each in wider.parameters.items():
        try:
            _check(space.parameters[name], each)
        except SpaceError as error:
            raise SpaceError(f"parameter {name!r} {error}; a space can only be widened") from None
        if wider.conditions[name] != space.conditions[name]:
            raise SpaceError(f"parameter {name!r} has another condition than before: leave it as it is")
    return wider


def widened_to(space: Space, wider: Space) -> Space:
    """Return `wider`, in the order of `space`. Raises SpaceError as `widened` does, and for a missing parameter."""
    for name in space.parameters:
        if name not in wider.parameters:
            raise SpaceError(f"parameter {name!r} is missing: a space can only be widened, so keep it as it is")
    return widened(space, wider.parameters)


def _check(old: "Parameter", new: "Parameter") -> None:
    """Raise SpaceError, as the end of a sentence, when `new` is not the same kind of thing and as wide at least."""
    if type(new) is not type(old):
        raise SpaceError(f"was of type {old.kind!r} and would become {new.kind!r}")
    if isinstance(old, Choice) and isinstance(new, Choice):
        kept = new.values[: len(old.values)]
        if [(type(value), value) for value in kept] != [(type(value), value) for value in old.values]:
            raise SpaceError(
                f"must begin with the values it has, {', '.join(map(repr, old.values))}: put new ones last"
            )
    if isinstance(old, Interval) and isinstance(new, Interval):
        if new.log != old.log:
            raise SpaceError(f"had {'a log' if old.log else 'a linear'} scale, which cannot be changed")
        if new.low > old.low:
            raise SpaceError(f"would begin at {new.low}, above the {old.low} where it begins now")
        if new.high < old.high:
            raise SpaceError(f"would end at {new.high}, below the {old.high} where it ends now")
