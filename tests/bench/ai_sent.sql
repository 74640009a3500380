-- An AI-sent draft for each lead of the workspaces that seed 2 made, and five emails sent from it.
with draft as (
  insert into "AIDraft" (id, "leadId", content, channel, status, "updatedAt")
  select gen_random_uuid(), l.id, 'Synthetic draft', 'email', 'approved', now()
  from "Lead" as l
  where l."clientId" <> pg_temp.generated_id(1, 'Client', 1)::text
  returning id, "leadId"
)
insert into "Message" (id, channel, source, body, direction, "sentBy", "aiDraftId", "leadId")
select gen_random_uuid(), 'email', 'zrg', 'Synthetic message', 'outbound', 'ai', d.id, d."leadId"
from draft as d, generate_series(1, 5);
