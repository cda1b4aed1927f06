"""Where what key pictures show ends, with few of them decoded."""

from collections.abc import Callable


def farthest(inside: int, outside: int, shows: Callable[[int], bool]) -> int:
    """The place farthest towards `outside` that still shows it, found by halving.

    inside: a place that shows it; outside: one that does not; both may lie before the other.
    """
    while abs(outside - inside) > 1:
        middle = (inside + outside) // 2
        if shows(middle):
            inside = middle
        else:
            outside = middle
    return inside
