-- A million AI-sent emails, five to a lead, of the workspaces that seed 2 made.
insert into "AIDraft" (id, "leadId", content, channel, status, "updatedAt")
select gen_random_uuid(), l.id, 'Synthetic draft', 'email', 'approved', now()
from "Lead" as l
inner join "Client" as c on c.id = l."clientId"
where c.id <> pg_temp.generated_id(1, 'Client', 1)::text;

insert into "Message" (id, channel, source, body, direction, "sentBy", "aiDraftId", "leadId")
select gen_random_uuid(), 'email', 'zrg', 'Synthetic message', 'outbound', 'ai', d.id, d."leadId"
from "AIDraft" as d, generate_series(1, 5)
where d.content = 'Synthetic draft' and d.channel = 'email' and d.status = 'approved' and d."triggerMessageId" is null
limit 1000000;
