select count(*) from "Lead" where "clientId" = :workspace;
