"""Working cases off: a discrete-event simulation of reviewers who press "Next"."""

from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush

from .desk import Job, Shift

Key = Callable[[Job], float]


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of one job that was claimed. `job` is the one it ended up as, see `Job.instead`."""

    job: Job
    claimed_at: float
    decided_at: float


def replay(
    jobs: Sequence[Job],
    shifts: Sequence[Shift],
    *,
    between_s: float = 0.0,
    key: Key = lambda job: job.key,
    capacities: Mapping[str, int] | None = None,
) -> tuple[list[Taken], list[Job]]:
    """Work the jobs off; return what was claimed, by the moment of its claim, and what never was.

    Whoever is free claims the case with the smallest key among those they may
    decide; who finds nothing waits, and of those the one who has waited
    longest is first. A case that arrives while its line is full becomes its
    `instead`. Nothing is random in here. O(n log n).

    between_s    from a verdict to the same person's next claim
    key          another order of work than the desk's own, e.g. by arrival
    capacities   most undecided cases per line; lines that are not named take everything
    """
    room = _Room(shifts, between_s, key, capacities or {})
    for job in sorted(jobs, key=lambda job: job.arrived_at):
        room.work_until(job.arrived_at)
        room.arrive(job)
    room.work_until(float("inf"))
    return room.taken, room.left()


class _Room:
    """The reviewers and what waits in front of them, moved on from event to event."""

    def __init__(
        self, shifts: Sequence[Shift], between_s: float, key: Key, capacities: Mapping[str, int]
    ) -> None:
        self.taken: list[Taken] = []
        self._shifts, self._between_s, self._key, self._capacities = shifts, between_s, key, capacities
        self._undecided = Counter[str]()
        # Per level (ordinary, senior) a heap of what waits: (key, order of arrival, job).
        self._waiting: tuple[list[tuple[float, int, Job]], ...] = ([], [])
        self._arrived = 0
        # When each person is free again, and the line of the case they are done with then.
        self._free = [(shift.starts_at, number, "") for number, shift in enumerate(shifts)]
        heapify(self._free)
        self._idle: deque[int] = deque()

    def work_until(self, moment: float) -> None:
        """Let everybody who gets free before that moment claim what there is."""
        while self._free and self._free[0][0] < moment:
            at, number, finished = heappop(self._free)
            if finished:
                self._undecided[finished] -= 1
            shift = self._shifts[number]
            if at >= shift.ends_at:
                continue
            heaps = [heap for heap in (self._waiting if shift.is_senior else self._waiting[:1]) if heap]
            if heaps:
                self._claim(heappop(min(heaps))[2], number, at)
            else:
                self._idle.append(number)

    def arrive(self, job: Job) -> None:
        """Put the job into its line, or into the hands of somebody who waits for one."""
        limit = self._capacities.get(job.line)
        if job.instead is not None and limit is not None and self._undecided[job.line] >= limit:
            job = job.instead
        self._undecided[job.line] += 1
        self._arrived += 1
        who = self._find_idle(job)
        if who is None:
            heappush(self._waiting[job.needs_senior], (self._key(job), self._arrived, job))
        else:
            self._idle.remove(who)
            self._claim(job, who, job.arrived_at)

    def left(self) -> list[Job]:
        return [job for heap in self._waiting for _, _, job in heap]

    def _claim(self, job: Job, number: int, at: float) -> None:
        decided_at = at + job.handling_s
        self.taken.append(Taken(job, at, decided_at))
        heappush(self._free, (decided_at + self._between_s, number, job.line))

    def _find_idle(self, job: Job) -> int | None:
        if not self._idle:  # mostly so, where a forecast is wanted
            return None
        for number in [n for n in self._idle if self._shifts[n].ends_at <= job.arrived_at]:
            self._idle.remove(number)
        return next((n for n in self._idle if self._shifts[n].is_senior or not job.needs_senior), None)
