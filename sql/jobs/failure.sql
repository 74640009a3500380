create or replace function inboxdb.failure(
  this_job text, error_code text, out sentence text, out is_transient boolean, out attempts_allowed integer
)
language sql stable
set search_path = ''
as $$
  -- Purpose: our sentence for a failed run of a job, and how many attempts the failure is worth.
  -- Parameters: this_job, as in view job; error_code, a SQLSTATE; null where the run's session was gone before it could
  --   record a failure.
  -- Returns: SQLSTATE and our own sentence, because the server's message may quote rows; whether the failure may pass
  --   by itself; after how many attempts the workspace is quarantined: 15 (half an hour) where the failure may pass,
  --   else 8 (4 minutes).
  -- Source: docs/errors.md.
  -- Reads: job.
  -- INVOKER: called by job functions only.
  select
    pg_catalog.format('%s: ', known.code)
    || pg_catalog.replace(pg_catalog.replace(known.said, '{run}', j.run_name), '{function}', j.function_name),
    known.may_pass,
    case when known.may_pass then 15 else 8 end
  from inboxdb.job as j
  cross join (
    select
      coalesce(error_code, '08006'),
      case
        when error_code is null then 'the session of the {run} was gone, or a statement_timeout ended the call'
        when error_code = '57014' then 'the {run} was cancelled, or hit its time limit'
        when error_code in ('40001', '40P01', '55P03') then 'the {run} lost against another transaction'
        when error_code = '42501' then 'the {run} may not read what it needs (row-level security or a missing right)'
        when error_code in ('42P01', '42703', '42883', '42804')
          then 'the host''s tables no longer fit: apply the migrations again'
        when error_code = '54000'
          then 'the id of a lead or a user is longer than an index can hold: 2,600 bytes with the workspace''s'
        when error_code in ('22021', '22P05') then 'an id of the workspace has characters that UTF8 lacks'
        when error_code like '53%' then 'the server is out of resources'
        when error_code like '08%' or error_code like '57P%' then 'the connection was lost'
        else 'the {run} failed; {function} raises the error in full'
      end,
      error_code is null
      or error_code in ('57014', '40001', '40P01', '55P03')
      or error_code like '53%' or error_code like '08%' or error_code like '57P%' or error_code like '58%'
  ) as known (code, said, may_pass)
  where j.job_name = this_job
$$;
