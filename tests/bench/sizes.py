"""How large a run is: sizes for CI, for everybody, and for a release."""

from dataclasses import dataclass

PROMISED = 1_000_000  # leads of the workspace in the targets' text


@dataclass(frozen=True)
class Size:
    """How much is made and measured. Times are in seconds.

    `workspaces` are the sizes of those that stand alone, in leads, the smallest first; `messages` are those per lead in
    them. `anywhere` are small workspaces beside them, with `anywhere_leads` leads in all, which have no messages.
    `rounds` is how often things are measured, `application_rounds` how often the application's own queries are.
    `changes` are the numbers of changed leads that a refresh of the judged workspace is measured with; `writers` those
    of clients. `seconds` is how long they run, `promise_seconds` how long where something is promised of them.
    `bulk` is how many leads one statement writes, `bulk_rounds` how often with rivals' triggers, too, `bulk_limit` how
    long each may take. `hour` is how many changes stand for an hour's. `analytics` are the leads of the workspace whose
    analytics are measured.
    """

    workspaces: tuple[int, ...]
    messages: float
    anywhere: int
    anywhere_leads: int
    rounds: int
    application_rounds: int
    changes: tuple[int, ...]
    writers: tuple[int, ...]
    seconds: int
    writer_rounds: int
    bulk: int
    bulk_rounds: int
    bulk_limit: int
    promise_seconds: int
    hour: int
    analytics: int

    @property
    def largest(self) -> int:
        """Leads of the largest workspace."""
        return self.workspaces[-1]

    @property
    def judged(self) -> int:
        """Leads of the judged workspace: of the targets' size, or else the largest."""
        return min(PROMISED, self.largest)


SIZES = {
    # CI: every line of the code runs, the figures mean little
    "tiny": Size(
        workspaces=(1_000, 10_000, 30_000),
        messages=1,
        anywhere=40,
        anywhere_leads=20_000,
        rounds=1,
        application_rounds=1,
        changes=(1, 100, 1_000),
        writers=(16,),
        seconds=1,
        writer_rounds=1,
        bulk=2_000,
        bulk_rounds=1,
        bulk_limit=5,
        promise_seconds=1,
        hour=2_000,
        analytics=3_000,
    ),
    "quick": Size(
        workspaces=(1_000, 10_000, 100_000, 1_000_000),
        messages=1,
        anywhere=400,
        anywhere_leads=200_000,
        rounds=3,
        application_rounds=1,
        changes=(1, 100, 10_000),
        writers=(16,),
        seconds=1,
        writer_rounds=2,
        bulk=30_000,
        bulk_rounds=0,
        bulk_limit=10,
        promise_seconds=3,
        hour=12_000,
        analytics=100_000,
    ),
    "full": Size(
        workspaces=(1_000, 10_000, 100_000, 1_000_000, 5_000_000),
        messages=1,
        anywhere=400,
        anywhere_leads=200_000,
        rounds=2,
        application_rounds=1,
        changes=(1, 10, 100, 1_000, 10_000, 100_000),
        writers=(1, 16, 64),
        seconds=2,
        writer_rounds=2,
        bulk=100_000,
        bulk_rounds=1,
        bulk_limit=10,
        promise_seconds=10,
        hour=36_000,
        analytics=1_000_000,
    ),
}
