-- A seeded generator of rows for the host's tables, for the demo, the tests and the benchmarks.
--
--     \i generate.sql
--     select * from pg_temp.generate_host(workspaces => 40, leads => 200000);
--
-- It works on every variant of the host's tables: it makes every id as uuid and every time as timestamptz, and the
-- INSERTs' assignment casts turn these into text and timestamp where the host has those. The functions live in
-- pg_temp, so they end with the session and leave nothing behind but rows.
--
-- Where "Lead" has the columns of host_wide.sql, the same rows have values there, too, some of them absurd, because hosts
-- have such values.
--
-- The chances and weights below are literals on purpose: read them as the description of the data.


-- The id of row n of a table, or of part `part` of what row n of another table has.
create or replace function pg_temp.generated_id(seed integer, kind text, n bigint, part integer default 0)
returns uuid language sql immutable parallel safe
return md5(kind || '/' || seed::text || '/' || n::text || '/' || part::text)::uuid;


-- A number in [0, 1) that depends on its arguments alone: unlike random(), on neither plan nor row order.
create or replace function pg_temp.dice(seed integer, purpose text, n bigint, part integer default 0)
returns double precision language sql immutable parallel safe
return (hashint8extended(n, hashint4extended(part, hashtextextended(purpose, seed))) & 4503599627370495)::float8
       / 4503599627370496;


-- The option that a dice in [0, 1) falls on; an option given more than once is that much likelier.
create or replace function pg_temp.pick(options text[], dice double precision)
returns text language sql immutable parallel safe
return options[1 + floor(dice * cardinality(options))::integer];


-- The moment that lies the share `dice` of the way between two others, in whole milliseconds as applications write
-- them, so that a column without microseconds holds the same as one with them.
create or replace function pg_temp.moment(earlier timestamptz, later timestamptz, dice double precision)
returns timestamptz language sql stable parallel safe
return date_trunc('milliseconds', earlier + (later - earlier) * dice);


create or replace function pg_temp.generate_host(
    workspaces integer default 40,
    leads integer default 200000,
    seed integer default 1,
    messages_per_lead double precision default 1,
    as_of timestamptz default now()
)
returns table (table_name text, rows_made bigint)
language plpgsql
-- An assignment to a timestamp column takes the session's zone, and the host holds UTC there.
set timezone = 'UTC'
set search_path = ''
-- The planner takes the temporary tables for large ones; compiling would take a second where the work takes none.
set jit = off
as $$
/*
Adds workspaces with members, leads, drafts and messages to the host's tables, and analyzes them.

The first workspace gets about two fifths of the leads (more if there are few workspaces), the others ever fewer, the
last none; a workspace made alone gets them all. The first one's id is pg_temp.generated_id(seed, 'Client', 1), the
second's pg_temp.generated_id(seed, 'Client', 2), and so on.

Parameters:
  workspaces         how many to make, at least 1
  leads              how many to make in all of them together
  seed               the same arguments make the same rows; another seed makes rows with other ids
  messages_per_lead  the average; leads that replied have three times as many as those who were only written to
  as_of              the present of the data: nothing but a snooze lies after it, and none ends within an hour of it,
                     so that no count changes by itself while a test runs
Returns: the number of rows made, per table.
Errors: 22023 for an argument out of range; 23505 when the database has this seed's rows already.
Caller: anyone who may insert into the host's tables; to analyze them takes their owner (others get a warning).
*/
declare
    attention constant text[] := '{Meeting Booked,Meeting Requested,Call Requested,Information Requested,Positive,
                                   Interested,Follow Up}';
    wide constant boolean := exists (
        select
        from pg_catalog.pg_attribute
        where attrelid = 'public."Lead"'::pg_catalog.regclass and attname = 'linkedinUrl' and not attisdropped
    );
begin
    if workspaces is null or workspaces < 1 or leads is null or leads < 0 or seed is null
       or messages_per_lead is null or messages_per_lead not between 0 and 1000
       or as_of is null or not isfinite(as_of) then
        raise exception using
            errcode = 'invalid_parameter_value',
            message = 'generate_host: an argument is null or out of range',
            hint = 'workspaces >= 1, leads >= 0, messages_per_lead from 0 to 1000, as_of finite';
    end if;
    as_of := date_trunc('milliseconds', as_of);

    -- The sizes fall off like Zipf's law: the first workspace has about two fifths of the leads.
    create temporary table generated_workspace as
    with weighed as (
        select workspace,
               case when workspace < workspaces or workspaces = 1 then workspace ^ -1.5 else 0 end as weight
        from generate_series(1, workspaces) as workspace
    ),
    shared as (
        select workspace,
               round(leads * (sum(weight) over (order by workspace) / sum(weight) over ()))::integer as leads_so_far
        from weighed
    )
    select workspace,
           pg_temp.generated_id(seed, 'Client', workspace) as id,
           pg_temp.generated_id(seed, 'User', 0, 1 + workspace % 3) as owner,
           coalesce(lag(leads_so_far) over (order by workspace), 0) + 1 as first_lead,
           leads_so_far as last_lead,
           pg_temp.moment(as_of - interval '800 days', as_of - interval '400 days',
                          pg_temp.dice(seed, 'workspace age', workspace)) as workspace_created
    from shared;

    -- Members 0 to 2 are people of the agency, who work in many workspaces, not always with the same role; 0 owns the
    -- workspace and is a member only of some.
    create temporary table generated_member as
    select workspace,
           k,
           case k
               when 0 then owner
               when 1 then pg_temp.generated_id(seed, 'User', 0, 4 + workspace % 3)
               when 2 then pg_temp.generated_id(seed, 'User', 0, 7 + workspace % 4)
               else pg_temp.generated_id(seed, 'User', workspace, k)
           end as id,
           case k
               when 0 then 'SETTER'
               when 1 then 'ADMIN'
               when 2 then pg_temp.pick('{INBOX_MANAGER,SETTER}', pg_temp.dice(seed, 'role', workspace, k))
               when 3 then 'SETTER'
               when 4 then 'CLIENT_PORTAL'
               else pg_temp.pick(
                   '{SETTER,SETTER,SETTER,SETTER,SETTER,SETTER,SETTER+CLIENT_PORTAL,SETTER+ADMIN,INBOX_MANAGER,
                     INBOX_MANAGER+SETTER,ADMIN,ADMIN+INBOX_MANAGER,CLIENT_PORTAL,CLIENT_PORTAL+INBOX_MANAGER}',
                   pg_temp.dice(seed, 'role', workspace, k))
           end as roles
    from pg_temp.generated_workspace
    cross join generate_series(0, 35) as k
    where k = 0 and workspace % 4 = 0
       or k between 1 and 5 + 7 * pg_temp.dice(seed, 'members', workspace)
                            + least(24, sqrt(last_lead - first_lead + 1) / 10);

    -- "offset 0" makes each step below worked out once per lead, not again wherever a later step mentions it.
    create temporary table generated_lead as
    with assignable as (
        -- Not everybody has leads, and some who have are gone.
        select workspace,
               array_agg(id order by k = 1, k) filter (where k <> 4 and k % 5 > 0)
               || pg_temp.generated_id(seed, 'User', workspace, 100) as users
        from pg_temp.generated_member
        group by workspace
    ),
    born as (
        select n,
               workspace,
               id as client_id,
               users,
               pg_temp.moment(workspace_created, as_of,
                   (n - first_lead + pg_temp.dice(seed, 'created', n)) / (last_lead - first_lead + 1)) as created,
               pg_temp.dice(seed, 'replied', n) < 0.12 as replied
        from pg_temp.generated_workspace
        join assignable using (workspace)
        cross join generate_series(first_lead, last_lead) as n
        offset 0
    ),
    written_to as (
        select *,
               case
                   when pg_temp.dice(seed, 'written to', n) < case when replied then 0.97 else 0.73 end
                       then pg_temp.moment(created, as_of, pg_temp.dice(seed, 'outbound', n))
               end as last_outbound
        from born
        offset 0
    ),
    written_to_by_zrg as (
        select *,
               case
                   when pg_temp.dice(seed, 'zrg', n) < 0.15 then null
                   when pg_temp.dice(seed, 'zrg', n) < 0.75 then last_outbound
                   else pg_temp.moment(created, last_outbound, pg_temp.dice(seed, 'zrg outbound', n))
               end as last_zrg_outbound
        from written_to
        offset 0
    ),
    touched as (
        select *, coalesce(last_zrg_outbound, last_outbound) as last_touch
        from written_to_by_zrg
        offset 0
    ),
    answered as (
        select *,
               case
                   when not replied then null
                   when pg_temp.dice(seed, 'order', n) < 0.05 then coalesce(last_touch, created)
                   when pg_temp.dice(seed, 'order', n) < 0.50
                       then pg_temp.moment(created, coalesce(last_touch, as_of), pg_temp.dice(seed, 'inbound', n))
                   else pg_temp.moment(coalesce(last_touch, created), as_of, pg_temp.dice(seed, 'inbound', n))
               end as last_inbound,
               case
                   when replied then pg_temp.pick(
                       '{Meeting Booked,Meeting Requested,Call Requested,Information Requested,Information Requested,
                         Positive,Interested,Interested,Interested,Follow Up,Not Interested,Not Interested,
                         Not Interested,Not Interested,Out of Office,Out of Office,Automated Reply,Blacklist,
                         Neutral,NULL}', pg_temp.dice(seed, 'tag', n))
                   when pg_temp.dice(seed, 'tag', n) < 0.07 then pg_temp.pick(
                       '{New,New,Neutral,Automated Reply,Follow Up,Interested}', pg_temp.dice(seed, 'early tag', n))
               end as tag
        from touched
        offset 0
    )
    select n,
           pg_temp.generated_id(seed, 'Lead', n) as id,
           workspace,
           client_id,
           created,
           replied,
           last_outbound,
           last_zrg_outbound,
           last_touch,
           last_inbound,
           tag,
           case
               when pg_temp.dice(seed, 'status', n) < 0.01 then 'needs_repair'
               when pg_temp.dice(seed, 'status', n) < 0.02 then 'blacklisted'
               when pg_temp.dice(seed, 'status', n) < 0.04 then 'unqualified'
               when tag = 'Blacklist' then 'blacklisted'
               when tag = 'Meeting Booked' then 'meeting-booked'
               when tag = 'Not Interested' then pg_temp.pick(
                   '{not_interested,not_interested,not_interested,unqualified,inactive}',
                   pg_temp.dice(seed, 'after no', n))
               when tag = any (attention) then pg_temp.pick(
                   '{interested,interested,interested,contacted,qualified}', pg_temp.dice(seed, 'after yes', n))
               when last_touch is null then 'new'
               else 'contacted'
           end as status,
           case
               when pg_temp.dice(seed, 'snoozed', n) < 0.02 then
                   as_of + interval '1 millisecond'
                           * round(3600000 + 2592000000 * pg_temp.dice(seed, 'snooze length', n))
                           * case when pg_temp.dice(seed, 'snoozed', n) < 0.01 then 1 else -1 end
           end as snoozed_until,
           case
               when pg_temp.dice(seed, 'assigned', n) < 0.4
                   -- squared, so that the first of the list have most
                   then users[1 + floor(cardinality(users) * pg_temp.dice(seed, 'assignee', n) ^ 2)::integer]
           end as assigned_to,
           pg_temp.moment(greatest(created, last_inbound, last_outbound), as_of,
                          pg_temp.dice(seed, 'updated', n) ^ 4) as updated,
           case
               when pg_temp.dice(seed, 'drafts', n) < case when replied then 0.07 else 0.001 end then 2
               when pg_temp.dice(seed, 'drafts', n) < case when replied then 0.45 else 0.007 end then 1
               else 0
           end as drafts,
           -- of the first draft; the second is a pending one for the other channel
           pg_temp.pick('{pending,pending,pending,approved,approved,approved,approved,rejected}',
                        pg_temp.dice(seed, 'draft status', n)) as draft_status,
           pg_temp.pick('{email,email,email,sms}', pg_temp.dice(seed, 'draft channel', n)) as draft_channel,
           floor(messages_per_lead * case when replied then 3 when last_touch is not null then 1 else 0 end
                 + pg_temp.dice(seed, 'messages', n))::integer as messages
    from answered;

    insert into public."Client" ("id", "name", "userId", "createdAt", "updatedAt")
    select id,
           'Workspace ' || seed || '-' || workspace,
           owner,
           workspace_created,
           pg_temp.moment(workspace_created, as_of, 0.5)
    from pg_temp.generated_workspace;
    get diagnostics rows_made = row_count;
    table_name := 'Client';
    return next;

    insert into public."ClientMember" ("id", "clientId", "userId", "role", "createdAt", "updatedAt")
    select pg_temp.generated_id(seed, 'ClientMember/' || role, workspace, k),
           client.id,
           member.id,
           role::public."ClientMemberRole",
           pg_temp.moment(workspace_created, as_of, k / 40.0),
           pg_temp.moment(workspace_created, as_of, k / 40.0)
    from pg_temp.generated_member as member
    join pg_temp.generated_workspace as client using (workspace)
    cross join string_to_table(roles, '+') as role;
    get diagnostics rows_made = row_count;
    table_name := 'ClientMember';
    return next;

    -- A wide host's campaigns belong to workspaces, three to each but for the last, whose first belongs to nobody.
    if wide then
        insert into public."SmsCampaign" ("id", "clientId", "name")
        select pg_temp.generated_id(seed, 'SmsCampaign', n, workspace),
               case when n > 1 or workspace < workspaces then id end,
               'Campaign ' || seed || '-' || workspace || '-' || n
        from pg_temp.generated_workspace
        cross join generate_series(1, 3) as n;
    else
        insert into public."SmsCampaign" ("id", "name")
        select pg_temp.generated_id(seed, 'SmsCampaign', n), 'Campaign ' || seed || '-' || n
        from generate_series(1, 3) as n;
    end if;
    get diagnostics rows_made = row_count;
    table_name := 'SmsCampaign';
    return next;

    if wide then
        insert into public."WorkspaceSettings" ("id", "clientId", "timezone")
        select pg_temp.generated_id(seed, 'WorkspaceSettings', workspace),
               id,
               pg_temp.pick('{Europe/Berlin,America/New_York,America/New_York,Asia/Kolkata,UTC,Mars/Olympus,NULL}',
                            pg_temp.dice(seed, 'zone', workspace))
        from pg_temp.generated_workspace;
        get diagnostics rows_made = row_count;
        table_name := 'WorkspaceSettings';
        return next;

        insert into public."EmailCampaign" ("id", "bisonCampaignId", "name", "clientId")
        select pg_temp.generated_id(seed, 'EmailCampaign', n, workspace),
               seed || '-' || workspace || '-' || n,
               'Email campaign ' || n,
               id
        from pg_temp.generated_workspace
        cross join generate_series(1, 2) as n;
        get diagnostics rows_made = row_count;
        table_name := 'EmailCampaign';
        return next;
    end if;

    -- Each column of the wide host, under its name; a narrow host takes those it has.
    create temporary table generated_lead_row as
    select id,
           first_name as "firstName",
           last_name as "lastName",
           email,
           case when pg_temp.dice(seed, 'alternate', n) < 0.03 then array['other.' || email] else '{}' end
               as "alternateEmails",
           case when replied then email end as "currentReplierEmail",
           case when replied then concat_ws(' ', first_name, last_name) end as "currentReplierName",
           case when wide and pg_temp.dice(seed, 'linkedin', n) < 0.3
               then 'https://linkedin.example.com/in/' || seed || '-' || n end as "linkedinUrl",
           case when wide and pg_temp.dice(seed, 'ghl', n) < 0.3 then 'ghl-' || seed || '-' || n end as "ghlContactId",
           case when pg_temp.dice(seed, 'phone', n) < 0.6 then '+1555' || lpad(n::text, 7, '0') end as phone,
           pg_temp.pick('{Founder,Head of Sales,Operations Manager,Engineer,NULL}', pg_temp.dice(seed, 'job', n))
               as "jobTitle",
           'Example Company ' || company as "companyName",
           'https://company' || company || '.example.com' as "companyWebsite",
           pg_temp.pick('{CA,NY,TX,NULL}', pg_temp.dice(seed, 'state', n)) as "companyState",
           status,
           case
               when wide and tag = 'Automated Reply' then pg_temp.pick(
                   '{Automated Reply,Opt Out,Opted Out,Unsubscribe,Unsubscribed,Bounced,Bounce}',
                   pg_temp.dice(seed, 'automated', n))
               else tag
           end as "sentimentTag",
           case when replied then 1 + floor(4 * pg_temp.dice(seed, 'score', n))::integer end as "overallScore",
           case when replied then 'Synthetic reasoning.' end as "scoreReasoning",
           case when replied then pg_temp.moment(last_inbound, updated, 0.5) end as "scoredAt",
           last_inbound as "lastInboundAt",
           last_outbound as "lastOutboundAt",
           last_zrg_outbound as "lastZrgOutboundAt",
           -- on a wide host a tenth have the midnight of an import, and a few are absurd
           case
               when wide and pg_temp.dice(seed, 'import', n) < 0.001 then 'infinity'
               when wide and pg_temp.dice(seed, 'import', n) < 0.002 then '-infinity'
               when wide and pg_temp.dice(seed, 'import', n) < 0.1
                   then date_trunc('day', greatest(last_inbound, last_outbound))
               else greatest(last_inbound, last_outbound)
           end as "lastMessageAt",
           case
               when last_inbound > last_outbound or last_outbound is null and replied then 'inbound'
               when last_outbound is not null then 'outbound'
           end as "lastMessageDirection",
           snoozed_until as "snoozedUntil",
           assigned_to as "assignedToUserId",
           case when assigned_to is not null then pg_temp.moment(created, updated, 0.1) end as "assignedAt",
           pg_temp.dice(seed, 'auto reply', n) < 0.1 as "autoReplyEnabled",
           pg_temp.dice(seed, 'auto follow-up', n) < 0.2 as "autoFollowUpEnabled",
           client_id as "clientId",
           case when pg_temp.dice(seed, 'campaign', n) < 0.1
               then pg_temp.generated_id(seed, 'SmsCampaign', 1 + n % 3, case when wide then workspace else 0 end)
           end as "smsCampaignId",
           case when wide and pg_temp.dice(seed, 'email campaign', n) < 0.4
               then pg_temp.generated_id(seed, 'EmailCampaign', 1 + n % 2, workspace) end as "emailCampaignId",
           case when tag = 'Meeting Booked' then pg_temp.moment(last_inbound, updated, 0.7) end as "appointmentBookedAt",
           case when tag = 'Meeting Booked' then as_of + interval '1 day' * (n % 9 - 4) end as "appointmentStartAt",
           case when tag = 'Meeting Booked' and n % 5 = 0 then updated end as "appointmentCanceledAt",
           case when tag = 'Meeting Booked' then pg_temp.pick(
               case when n % 5 = 0 then '{canceled,NULL}' else '{confirmed,showed,NULL}' end::text[],
               pg_temp.dice(seed, 'appointment', n)) end as "appointmentStatus",
           created as "createdAt",
           updated as "updatedAt"
    from (
        select *, lower(concat_ws('.', ascii_name, last_name)) || '.' || seed || '.' || n || '@example.com' as email
        from (
            select *,
                   -- beyond ASCII on some wide hosts; chr(), because this file is read in any encoding
                   case
                       when wide and pg_temp.dice(seed, 'odd name', n) < 0.02 then null
                       when wide and pg_temp.dice(seed, 'odd name', n) < 0.04 then 'Zo' || chr(235)
                       else ascii_name
                   end as first_name
            from (
                select *,
                       pg_temp.pick(
                           '{Ada,Ben,Cleo,Dora,Emil,Fay,Gus,Hana,Ivo,Jun,Kai,Lea,Max,Nia,Otto,Pia,Rui,Sam,Uma}',
                           pg_temp.dice(seed, 'first name', n)) as ascii_name,
                       pg_temp.pick('{Example,Fictive,Invented,Mock,Placeholder,Sample,Specimen,Synthetic}',
                                    pg_temp.dice(seed, 'last name', n)) as last_name,
                       floor(workspace * 1000 + 1000 * pg_temp.dice(seed, 'company', n)) as company
                from pg_temp.generated_lead
                offset 0
            ) as named
            offset 0
        ) as renamed
        offset 0
    ) as lead;

    execute (
        select format(
            'insert into public."Lead" (%1$s) select %1$s from pg_temp.generated_lead_row',
            string_agg(quote_ident(made.attname), ', ' order by made.attnum))
        from pg_catalog.pg_attribute as made
        inner join pg_catalog.pg_attribute as host using (attname)
        where made.attrelid = 'pg_temp.generated_lead_row'::pg_catalog.regclass
          and host.attrelid = 'public."Lead"'::pg_catalog.regclass
          and made.attnum > 0
          and not host.attisdropped
    );
    get diagnostics rows_made = row_count;
    table_name := 'Lead';
    return next;

    insert into public."AIDraft" (
        "id", "leadId", "triggerMessageId", "content", "channel", "status", "autoSendAction", "autoSendConfidence",
        "createdAt", "updatedAt")
    select pg_temp.generated_id(seed, 'AIDraft', n, k),
           id,
           -- what it answers: message 1 of a lead that replied
           case when replied and messages > 0 then pg_temp.generated_id(seed, 'Message', n, 1) end,
           'Synthetic draft ' || k || ' for lead ' || seed || '-' || n || '.',
           case when k = 1 then draft_channel when draft_channel = 'email' then 'sms' else 'email' end,
           case when k = 1 then draft_status else 'pending' end,
           pg_temp.pick('{needs_review,needs_review,needs_review,needs_review,send_immediate,send_immediate,skip,
                          NULL,NULL}', pg_temp.dice(seed, 'action', n, k)),
           round(pg_temp.dice(seed, 'confidence', n, k)::numeric, 2),
           drafted_at,
           pg_temp.moment(drafted_at, as_of, 0.1)
    from pg_temp.generated_lead
    cross join lateral generate_series(1, drafts) as k
    cross join lateral (
        select case
                   when draft_status = 'pending' or last_touch is null
                       then pg_temp.moment(coalesce(last_inbound, created), as_of, 0.1)
                   else pg_temp.moment(created, last_touch, 0.9)
               end as drafted_at
    ) as draft;
    get diagnostics rows_made = row_count;
    table_name := 'AIDraft';
    return next;

    -- The first of a lead's messages are those that its rollup columns speak of, the rest are older.
    insert into public."Message" (
        "id", "channel", "source", "body", "subject", "isRead", "direction", "sentBy", "sentByUserId", "aiDraftId",
        "leadId", "sentAt", "createdAt")
    with numbered as (
        select *, case when replied then part else part + 1 end as place
        -- in the order of their ids, so that three indexes of "Message" grow at one end
        from (select * from pg_temp.generated_lead order by id) as lead
        cross join lateral generate_series(1, messages) as part
        offset 0
    ),
    ordered as (
        select *,
               case
                   when place = 1 then 'last inbound'
                   when place = 2 and last_touch is not null then 'last touch'
                   when place = 3 and last_outbound > last_zrg_outbound then 'last outbound'
                   when last_touch is null then 'inbound'
                   when not replied then 'outbound'
                   else pg_temp.pick('{inbound,outbound}', pg_temp.dice(seed, 'direction', n, part))
               end as kind
        from numbered
        offset 0
    ),
    sourced as (
        select *,
               case when kind like '%inbound' then 'inbound' else 'outbound' end as direction,
               case
                   when last_zrg_outbound is null or kind = 'last outbound' then 'external'
                   when kind = 'last touch' then 'zrg'
                   else pg_temp.pick('{zrg,zrg,external}', pg_temp.dice(seed, 'source', n, part))
               end as source,
               kind = 'last touch' and last_zrg_outbound is not null and drafts > 0 and draft_status = 'approved'
                   as from_draft
        from ordered
        offset 0
    ),
    signed as (
        select *,
               case
                   when from_draft then draft_channel
                   else pg_temp.pick('{email,email,email,email,sms,sms,linkedin}',
                                     pg_temp.dice(seed, 'channel', n, part))
               end as channel,
               case
                   when direction = 'inbound' then 'lead'
                   when from_draft then pg_temp.pick('{ai,ai,ai,setter}', pg_temp.dice(seed, 'sent by', n, part))
                   else pg_temp.pick('{ai,setter,setter,setter,NULL}', pg_temp.dice(seed, 'sent by', n, part))
               end as sent_by,
               case kind
                   when 'last inbound' then last_inbound
                   when 'last touch' then last_touch
                   when 'last outbound' then last_outbound
                   when 'inbound' then pg_temp.moment(created, last_inbound, pg_temp.dice(seed, 'sent', n, part))
                   else pg_temp.moment(created, last_touch, pg_temp.dice(seed, 'sent', n, part))
               end as sent
        from sourced
        offset 0
    )
    select pg_temp.generated_id(seed, 'Message', n, part),
           channel,
           source,
           'Synthetic message ' || part || ' of lead ' || seed || '-' || n || '.'
           || repeat(' And so on.', case when wide and pg_temp.dice(seed, 'long', n, part) < 0.05 then 100 else 0 end),
           case when channel = 'email' then 'Synthetic subject' end,
           direction = 'outbound' or coalesce(last_touch >= last_inbound, false),
           direction,
           sent_by,
           case when sent_by = 'setter' then assigned_to end,
           case when from_draft then pg_temp.generated_id(seed, 'AIDraft', n, 1) end,
           id,
           sent,
           sent
    from signed;
    get diagnostics rows_made = row_count;
    table_name := 'Message';
    return next;

    drop table pg_temp.generated_lead_row, pg_temp.generated_lead, pg_temp.generated_member,
               pg_temp.generated_workspace;
    analyze public."Client", public."ClientMember", public."SmsCampaign", public."Lead", public."AIDraft",
            public."Message";
end
$$;
