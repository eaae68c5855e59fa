"""Who could be best while a constant is unknown: the corners of an upper convex hull (the idea of DIRECT)."""

from collections.abc import Sequence

Point = tuple[float, float]
"""A weight and a value."""


def upper_corners(points: Sequence[Point]) -> list[int]:
    """Return the indices i for which, with some c > 0, value_i + c weight_i is strictly greater than any other's.

    These are the strict corners of the upper hull, in the order from the greatest value to the greatest weight. Of
    equal points the first stands for all.
    """
    # by falling weight, of equal weights the best, of equal points the first: only the first of a weight can win
    order = sorted(range(len(points)), key=lambda i: (-points[i][0], -points[i][1], i))
    corners: list[int] = []
    for i in order:
        if corners and points[i][1] <= points[corners[-1]][1]:
            continue  # another has no less of both
        while len(corners) > 1 and not _bends(points[i], points[corners[-1]], points[corners[-2]]):
            corners.pop()
        corners.append(i)
    return corners[::-1]


def _bends(left: Point, middle: Point, right: Point) -> bool:
    """Tell whether `middle` lies strictly above the line from `left` to `right`, whose weights and values differ."""
    rise, run = left[1] - middle[1], middle[0] - left[0]
    return rise * (right[0] - middle[0]) < run * (middle[1] - right[1])
