"""A job of its own, registered on an installed database: a function and a row."""

import json
from typing import Any

import pytest
from psycopg import Connection, errors

from inboxdb.drain.publish import Publisher
from inboxdb.drain.redis import Cache
from tests.redis_server import RedisServer
from tests.rows import Host
from tests.servers import DRAINER, Database

COUNTS, JOB = "recompute-inbox-counts", "recompute-reports"

FUNCTION = f"""
create function inboxdb.aggregate_leads(target_client_id inboxdb.client_id) returns bigint
language plpgsql volatile security definer
set search_path = ''
as $$
declare
  started_at pg_catalog.timestamptz := inboxdb.clock();
begin
  perform inboxdb.try_lock_workspace(target_client_id);
  perform inboxdb.record_job('{JOB}', target_client_id, started_at, 1, null);
  return inboxdb.bump_versions('{JOB}', target_client_id);
end
$$
"""

ROW = f"'{JOB}', 'run', 'inboxdb.aggregate_leads', array['reports'], 0.001::double precision, false"


@pytest.fixture
def owner(database: Database) -> Connection[Any]:
    connection = database.connect()
    connection.execute(FUNCTION)
    [(registered,)] = connection.execute("select pg_get_viewdef('inboxdb.job'::regclass)").fetchall()
    connection.execute(f"create or replace view inboxdb.job as {registered.rstrip(';')} union all select {ROW}")
    return connection


@pytest.fixture
def workspace(database: Database, owner: Connection[Any]) -> str:
    host = Host(database.connect())
    workspace = host.workspace()
    host.lead(workspace)
    owner.execute("call inboxdb.drain_dirty()")
    return workspace


def test_every_job_has_a_function_and_families(database: Database) -> None:
    rows = database.connect().execute(
        "select pg_catalog.to_regproc(function_name) is not null, pg_catalog.cardinality(families) > 0 from inboxdb.job"
    )
    assert set(rows) == {(True, True)}


@pytest.mark.all_hosts
def test_status_and_versions_are_told_as_those_of_the_counts(
    database: Database, redis: RedisServer, owner: Connection[Any], workspace: str
) -> None:
    counts = owner.execute("select * from inboxdb.job_status").fetchall()
    [(version,)] = owner.execute("select inboxdb.aggregate_leads(%s)", [workspace]).fetchall()
    statuses = owner.execute("select job_name, last_status, last_error, attempt from inboxdb.job_status order by 1")
    assert statuses.fetchall() == [(COUNTS, "succeeded", None, 1), (JOB, "succeeded", None, 1)]
    mine = "select * from inboxdb.job_status where job_name = %s"
    assert owner.execute(mine, [COUNTS]).fetchall() == counts

    Publisher(Cache(redis.url)).publish(database.connect(DRAINER))
    found = redis.contents()
    assert found[f"reports:v1:ver:{workspace}"] == str(version)
    status, other = (json.loads(found[f"jobs:v1:{job}:{workspace}"] or "") for job in (JOB, COUNTS))
    assert status["lastStatus"] == "succeeded"
    assert other["mode"] == "recount"
    assert set(other) - set(status) == {"mode", "recountReason"}, "those of the counts alone"


def test_a_job_that_bumps_the_version_of_counts_tells_their_readers(owner: Connection[Any], workspace: str) -> None:
    """They find the version beside the counts, which this job does not write."""
    [(view,)] = owner.execute("select pg_get_viewdef('inboxdb.job'::regclass)").fetchall()
    of_inbox = view.replace("'reports'", "'inbox'")
    owner.execute(f"create or replace view inboxdb.job as {of_inbox}")
    before = "select s.version, s.computed_at from inboxdb.inbox_counts as s where s.is_global"
    [(version, computed_at)] = owner.execute(before).fetchall()
    [(newer,)] = owner.execute("select inboxdb.aggregate_leads(%s)", [workspace]).fetchall()
    assert newer > version
    assert owner.execute(before).fetchall() == [(newer, computed_at)]


def test_a_time_limit_is_from_the_jobs_own_runs(owner: Connection[Any], workspace: str) -> None:
    def limit(job: str) -> float:
        [(seconds,)] = owner.execute("select inboxdb.time_limit(%s, 0, %s)", [workspace, job]).fetchall()
        return float(round(seconds, 3))

    owner.execute("update inboxdb.workspace set leads = 100000")
    owner.execute("update inboxdb.job_status set duration_ms = 3000")
    assert (limit(COUNTS), limit(JOB)) == (6, 100)
    owner.execute("select inboxdb.aggregate_leads(%s)", [workspace])
    owner.execute("update inboxdb.job_status set duration_ms = 80000 where job_name = %s", [JOB])
    assert (limit(COUNTS), limit(JOB)) == (6, 160)


def test_a_failure_names_the_job(owner: Connection[Any]) -> None:
    said = "select sentence from inboxdb.failure(%s, %s)"
    assert owner.execute(said, [JOB, "23514"]).fetchone() == (
        "23514: the run failed; inboxdb.aggregate_leads raises the error in full",
    )
    assert owner.execute(said, [COUNTS, "57014"]).fetchone() == (
        "57014: the refresh was cancelled, or hit its time limit",
    )


def test_a_job_without_a_row_is_refused(owner: Connection[Any], workspace: str) -> None:
    with pytest.raises(errors.InvalidParameterValue, match="'recompute-nothing' is no job"):
        owner.execute("select inboxdb.record_job('recompute-nothing', %s, inboxdb.clock(), 1, null)", [workspace])


def test_a_workspace_gone_loses_the_status_of_every_job(owner: Connection[Any], workspace: str) -> None:
    owner.execute("select inboxdb.aggregate_leads(%s)", [workspace])
    owner.execute('delete from "Lead"')
    owner.execute('delete from "Client"')
    owner.execute("call inboxdb.drain_dirty()")
    assert owner.execute("select from inboxdb.job_status").rowcount == 0
