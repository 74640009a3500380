-- Looks for: a server with a known leak past row-level security.
-- Why: a signed-in user can read what policies hide.
-- Evidence: server_version_num, readable by everybody.
-- Source of the rule: https://www.postgresql.org/support/security/, each CVE with its first minor version mended. A
-- major version not listed never had the leak.
with mended (cve, what, major, minor) as (
  values
  ('CVE-2025-8713', 'statistics show samples of hidden rows', 15, 14),
  ('CVE-2025-8713', 'statistics show samples of hidden rows', 16, 10),
  ('CVE-2025-8713', 'statistics show samples of hidden rows', 17, 6),
  ('CVE-2024-10976', 'another role''s policies stay in force below sub-queries', 15, 9),
  ('CVE-2024-10976', 'another role''s policies stay in force below sub-queries', 16, 5),
  ('CVE-2024-10976', 'another role''s policies stay in force below sub-queries', 17, 1),
  ('CVE-2023-39418', 'MERGE passes by policies', 15, 4),
  ('CVE-2023-2455', 'another role''s policies stay in force after inlining', 15, 3)
),

this as (
  select n.num / 10000 as major, n.num % 10000 as minor
  from (select pg_catalog.current_setting('server_version_num')::integer as num) as n
)

select
  'problem' as severity,
  pg_catalog.format(
    'PostgreSQL %s.%s leaks past row-level security: %s', t.major, t.minor,
    pg_catalog.string_agg(pg_catalog.format('%s (%s)', m.cve, m.what), ', ' order by m.cve)
  ) as evidence,
  pg_catalog.format('update to %s.%s or later: a minor update, one restart', t.major, pg_catalog.max(m.minor)) as remedy
from this as t
inner join mended as m on t.major = m.major and t.minor < m.minor
group by t.major, t.minor;
