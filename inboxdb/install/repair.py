"""Comparing an installation with what we ship, and mending what is ours."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

import psycopg

from inboxdb.database import sources
from inboxdb.database.connection import LOCK_TIMEOUT, Connection, describe, refused, retrying, session
from inboxdb.database.errors import InboxdbError, is_lost
from inboxdb.install import migrate
from inboxdb.install.access import SET_LOCK_TIMEOUT
from inboxdb.install.catalog import Object
from inboxdb.install.differences import (
    FILL,
    MISSING,
    ROWS,
    TABLE,
    Difference,
    Remedy,
    differences,
    lost_or_changed,
    watched,
)
from inboxdb.install.uninstall import dependents

# What the host's triggers call: while one of these was another, changes may not have been noted.
NOTING = re.compile(r"inboxdb\.(note_\w+|current_slice)\(")

MAKES_ROUTINE = re.compile(r"^create or replace (function|procedure) ", re.MULTILINE)

LOCK_ERRORS = psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected

PASSES = 4  # differences on a lost object show once the object is back

MARK = "select inboxdb.mark_all_inbox_counts_dirty()"

# As before the first fill: no refresh by change goes by rows that were lost.
FORGET = "update inboxdb.workspace set definitions = null"

# Tables that number workspaces, each with the tables whose rows have its numbers: made anew it numbers from the start.
NUMBERED = {
    "counts/workspace.table.sql": {"counts/counted_lead.table.sql"},
    "analytics/analytics_workspace.table.sql": {
        "analytics/lead_fact.table.sql",
        "analytics/analytics_count.table.sql",
        "analytics/analytics_reply.table.sql",
        "analytics/analytics_word.table.sql",
    },
}


@dataclass(frozen=True)
class Outcome:
    """The outcome for an object unlike the shipped one.

    Fields: object; shipped and installed, in words; command, what mends it; mended, whether we just did; reason, why
    not, where we tried.
    """

    object: str
    shipped: str
    installed: str
    command: str
    mended: bool = False
    reason: str | None = None


@dataclass(frozen=True)
class Verification:
    """What was found, and whether every workspace was marked because changes may have been missed."""

    findings: list[Outcome]
    marked: bool = False

    @property
    def healthy(self) -> bool:
        """Whether nothing differs, or no longer does."""
        return all(finding.mended for finding in self.findings)


def verify(dsn: str, *, repair: bool = False) -> Verification:
    """Compare an installation with what we ship, and mend what is ours if asked to.

    Parameters: dsn; repair. Whatever needs a lock of a table waits 2 s for it, ten times, and lets the writers through
    between; indexes are built concurrently, for as long as that takes.
    Raises InboxdbError where migrations are pending, before anything is compared; MigrationsBusy; DatabaseRefused.
    """
    if pending := [migration.id for migration in migrate.status(dsn) if migration.applied_at is None]:
        raise InboxdbError(
            f"{describe(dsn)} lacks {', '.join(pending)}: run `inboxdb migrate apply` first. Nothing was compared."
        )
    if repair:
        with migrate.alone(dsn) as connection:
            return _Repair(connection, describe(dsn), LOCK_TIMEOUT).run()
    with session(dsn, application_name="inboxdb migrate") as connection:
        return Verification([_outcome(difference) for difference in differences(connection)])


def mend(connection: Connection, dsn: str, lock_timeout: float) -> list[Outcome]:
    """Mend what is ours of an installation, as `verify` does.

    Parameters: connection, alone at it (migrate.alone); dsn; lock_timeout, in seconds.
    Returns what differed, mended or not.
    """
    return _Repair(connection, describe(dsn), lock_timeout).run().findings


def make_anew(connection: Connection, dsn: str, lock_timeout: float) -> None:
    """Make lost tables and types anew, of an installation that is suspended. Parameters as of mend."""
    _Repair(connection, describe(dsn), lock_timeout).make_anew()


def _made_anew(files: Iterable[str]) -> set[str]:
    """List the files of tables and types to be made anew: with those that name another of them."""
    anew = set(files)
    for file in sources.contents():
        if file.endswith(ROWS) and any(re.search(rf"{name}\b", _text(file)) for name in _tables(anew)):
            anew.add(file)
    return anew.union(*(NUMBERED.get(file, ()) for file in anew))


def _tables(files: Iterable[str]) -> list[str]:
    """List the tables and types that files make."""
    return [name for file in files for name in TABLE.findall(_text(file))]


def _text(file: str) -> str:
    return (sources.SQL / file).read_text()


def _outcome(difference: Difference, *, mended: bool = False, reason: str | None = None) -> Outcome:
    return Outcome(
        str(difference.object), difference.shipped, difference.installed, difference.remedy.command, mended, reason
    )


class _Repair:
    """One run of mending."""

    def __init__(self, connection: Connection, database: str, lock_timeout: float) -> None:
        self._connection = connection
        self._lock_timeout = lock_timeout
        self._database = database
        self._reasons: dict[Object, str] = {}
        self._marked = False

    def run(self) -> Verification:
        """Mend, and look again, until no difference is left untried."""
        known: dict[Object, Difference] = {}
        tried: list[Difference] = []
        left = differences(self._connection)
        for _ in range(PASSES):
            known = {difference.object: difference for difference in left} | known
            to_try = [difference for difference in left if difference.remedy.is_ours and difference not in tried]
            if not to_try:
                break
            tried += to_try
            self._mend(to_try)
            left = differences(self._connection)
        still = {difference.object for difference in left}
        findings = [
            _outcome(difference, mended=obj not in still, reason=self._reasons.get(obj) if obj in still else None)
            for obj, difference in known.items()
        ]
        return Verification(findings, self._marked)

    def make_anew(self) -> None:
        """Make lost tables and types anew, and leave the rest: inboxdb is suspended, and not as shipped."""
        if lost := [difference for difference in differences(self._connection) if difference.remedy.makes_anew]:
            self._load(lost, [])

    def _mend(self, to_try: list[Difference]) -> None:
        """Mend in order of dependence; indexes last, because they take longest."""
        schemas = [difference for difference in to_try if difference.object.kind == "schema"]
        bodies = [difference for difference in to_try if difference.remedy.file]
        columns = [difference for difference in to_try if difference.object.kind == "column"]
        triggers = [difference for difference in to_try if difference.object.kind == "trigger"]
        rows = [difference for difference in to_try if difference.object.kind == "row"]
        rest = [difference for difference in to_try if difference not in schemas + bodies + columns + triggers + rows]
        self._run(schemas)
        if bodies:
            self._load(bodies, columns)
        else:
            self._run(columns)
        if rows:
            self._refill(rows)
        for table in dict.fromkeys(difference.object.table for difference in triggers):
            self._watch(table, [difference for difference in triggers if difference.object.table == table])
        self._run(sorted(rest, key=lambda difference: difference.remedy.concurrently))

    def _run(self, to_try: Sequence[Difference]) -> None:
        """Mend one after the other; differences with the same remedy at once."""
        for remedy in dict.fromkeys(difference.remedy for difference in to_try):
            self._try([difference for difference in to_try if difference.remedy == remedy], partial(self._once, remedy))

    def _once(self, remedy: Remedy) -> None:
        if remedy.concurrently:
            self._connection.execute("set lock_timeout = 0")
            self._execute(remedy.statements)
            return
        with self._connection.transaction():
            self._settings()
            self._execute(remedy.statements)

    def _load(self, bodies: Sequence[Difference], columns: Sequence[Difference]) -> None:
        """Load views and routines again, make tables and types anew, and put back the defaults that went with one: in
        one transaction, at whose end nobody has a right that is not to be, and every workspace is marked. With types
        anew, all routines are loaded.
        """
        concerned: dict[str | None, list[Difference]] = {}
        for difference in bodies:
            concerned.setdefault(difference.remedy.file, []).append(difference)
        anew = _made_anew(file for file in concerned if file and file.endswith(ROWS))
        made = _tables(anew)
        # without its policy a table is open: all of it, or nothing
        whole = anew | {f"access/{name.removeprefix('inboxdb.')}.policy.sql" for name in made}
        failed: list[tuple[list[Difference], psycopg.Error]] = []

        def attempt(statements: Sequence[str], to_mend: list[Difference]) -> None:
            try:
                with self._connection.transaction():
                    self._execute(statements)
            except psycopg.Error as error:
                if is_lost(error) or isinstance(error, LOCK_ERRORS):
                    raise
                failed.append((to_mend, error))

        def once() -> None:
            failed.clear()
            with self._connection.transaction():
                self._settings()
                gone = self._drop(anew) if anew else set()
                for file in sources.contents():
                    if file in whole:
                        self._execute([_text(file)])
                    # routines that stay, too: sessions have compiled them with types that are gone (D174)
                    elif file in concerned or file in gone or (anew and MAKES_ROUTINE.search(_text(file))):
                        attempt([_text(file)], concerned.get(file, []))
                for difference in columns:
                    attempt(difference.remedy.statements, [difference])
                self._execute([statement for table, statement in FILL.items() if table in made])
                self._execute(["select inboxdb.apply_grants()", MARK, *([FORGET] if anew else [])])

        if not self._try([*bodies, *columns], once):
            return
        self._marked = True
        for to_mend, error in failed:
            self._explain(to_mend, error)
        if anew or any(NOTING.match(difference.object.name) for difference in bodies):
            # a writer from before may have called the old function, or found no log
            for table in watched():
                if not self._watch(table, []):
                    raise InboxdbError(
                        f"what notes changes was mended, but {table} was held all the time: what its writers did until "
                        "they end may not be noted. Run `inboxdb mark --all` then."
                    )

    def _drop(self, anew: set[str]) -> set[str | None]:
        """Drop what is left of tables and types to be made anew; return the files of views and routines that are gone.

        Raises InboxdbError where other people's objects would go with them.
        """
        types = {name for file in anew if file.endswith(".type.sql") for name in TABLE.findall(_text(file))}
        there = [
            name
            for name in _tables(anew)
            if self._connection.execute("select pg_catalog.to_regtype(%s)", (name,)).fetchone() != (None,)
        ]
        if there and (strange := dependents(self._connection)):
            raise InboxdbError(
                f"{', '.join(sorted(there))} cannot be made anew while this, which is not inboxdb's, depends on "
                f"inboxdb: {', '.join(strange)}. Drop it, and make it again afterwards. Nothing of that was changed."
            )
        if types:  # columns of views have the types of before
            views = [file.rpartition("/")[2] for file in sources.contents() if file.endswith(".view.sql")]
            self._execute([f"drop view if exists inboxdb.{view.removesuffix('.view.sql')} cascade" for view in views])
        self._execute([f"drop {'type' if name in types else 'table'} if exists {name} cascade" for name in there])
        return {
            lost.remedy.file
            for kind in ("relation", "routine")
            for lost in lost_or_changed(self._connection, kind)
            if lost.installed == MISSING and not lost.remedy.makes_anew
        }

    def _refill(self, rows: Sequence[Difference]) -> None:
        """Put back what was lost with data, and mark every workspace, since counts and changes may be lost with it."""

        def once() -> None:
            with self._connection.transaction():
                self._settings()
                for difference in rows:
                    self._execute(difference.remedy.statements)
                self._execute([MARK])

        self._marked |= self._try(rows, once)

    def _watch(self, table: str, triggers: Sequence[Difference]) -> bool:
        """Mend a host table's triggers while nobody writes it, and mark every workspace for what was not noted before.

        Returns whether that was possible.
        """

        def once() -> None:
            with self._connection.transaction():
                self._settings()
                self._execute([f"lock table {table} in share row exclusive mode"])
                for difference in triggers:
                    self._execute(difference.remedy.statements)
                self._execute([MARK])

        succeeded = self._try(triggers, once)
        self._marked |= succeeded
        return succeeded

    def _settings(self) -> None:
        self._connection.execute(SET_LOCK_TIMEOUT, (f"{self._lock_timeout:g}s",))
        self._connection.execute("set local search_path = ''")

    def _execute(self, statements: Sequence[str]) -> None:
        for statement in statements:
            self._connection.execute(statement.encode())

    def _try(self, concerned: Sequence[Difference], once: Callable[[], None]) -> bool:
        try:
            retrying(once)
        except psycopg.Error as error:
            if is_lost(error):
                raise
            self._explain(concerned, error)
            return False
        return True

    def _explain(self, concerned: Sequence[Difference], error: psycopg.Error) -> None:
        for difference in concerned:
            self._reasons[difference.object] = str(refused(error, self._connection, self._database))
