// api/inboxdb-drain.mjs: Vercel's cron, which sends nothing but GET, asks `inboxdb serve-trigger` for a run. It goes with
// vercel.json. Vercel runs crons in production alone, by the minute on paid plans, and does not try again.
//
// Variables of the project, in production alone: CRON_SECRET, which Vercel shows to this function; INBOXDB_TRIGGER_URL,
// as in https://trigger.example; INBOXDB_TRIGGER_SECRET.
import { createHash, timingSafeEqual } from "node:crypto";

const digest = (text) => createHash("sha256").update(text).digest();

export async function GET(request) {
  const { CRON_SECRET, INBOXDB_TRIGGER_URL, INBOXDB_TRIGGER_SECRET } = process.env;
  const shown = digest(request.headers.get("authorization") ?? "");
  if (!CRON_SECRET || !timingSafeEqual(shown, digest(`Bearer ${CRON_SECRET}`))) {
    return Response.json({ error: "this is for Vercel's cron alone" }, { status: 401 });
  }
  try {
    const answer = await fetch(new URL("/drain", INBOXDB_TRIGGER_URL), {
      method: "POST",
      headers: { authorization: `Bearer ${INBOXDB_TRIGGER_SECRET}` },
      signal: AbortSignal.timeout(25_000),
    });
    return Response.json(await answer.json(), { status: answer.status });
  } catch {
    return Response.json({ error: "inboxdb serve-trigger does not answer" }, { status: 503 });
  }
}
