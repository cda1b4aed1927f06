"""Units shared among processes, or the workers of a cluster; a lost one costs its units only."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from vidrecover.errors import SourceError
from vidrecover.formats import FormatSet
from vidrecover.model import Extent, Grid, SourceRef, UnitResult
from vidrecover.scan import spread
from vidrecover.workers import Crew, cluster, losses, processes

_MOST_LOSSES = 3
"""So often in a row may workers die over the same units."""
_CLUSTER_UNITS = 4
"""Units of one task on a cluster, 256 MiB: handing out a task costs milliseconds there."""


@contextmanager
def crew(jobs: int, address: str | None) -> Iterator[Crew]:
    """So many processes, or the workers of the scheduler at an address."""
    if address is not None:
        with cluster(address) as found:
            yield found
    else:
        with processes(jobs) as executor:
            yield Crew(executor, jobs)


def shared(
    ref: SourceRef,
    formats: FormatSet,
    pending: Sequence[Extent],
    *,
    jobs: int,
    address: str | None,
    grids: Sequence[Grid],
    window_size: int,
) -> Iterator[UnitResult]:
    """What the pending units hold, in order; see `scan.spread`.

    Raises SourceError when workers are lost again and again over the same units.
    """
    rest, lost = list(pending), 0
    while rest:
        try:
            with crew(jobs, address) as (executor, workers):
                for result in spread(
                    ref,
                    formats,
                    rest,
                    executor,
                    grids=grids,
                    window_size=window_size,
                    in_flight=2 * workers,
                    at_once=1 if address is None else _CLUSTER_UNITS,
                ):
                    yield result
                    rest, lost = rest[1:], 0
        except losses() as error:
            lost += 1
            if lost == _MOST_LOSSES:
                raise SourceError(
                    f"{ref.path}: {_MOST_LOSSES} times workers were lost over the bytes from"
                    f" {rest[0].start:,}; is there enough memory? The same command goes on there;"
                    " without --jobs it takes the least memory",
                    ref.path,
                ) from error
