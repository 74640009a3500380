"""Reads of inbox_api, asked as PostgREST asks them, and what came of each: to be compared with other ways to ask."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from psycopg import Connection, Error
from psycopg.sql import SQL, Identifier, Placeholder

from tests.routing import Read

DAYS = {"from_day": "2024-06-01", "to_day": "2024-06-30"}


class Request(NamedTuple):
    """Who asks, and how: claims, headers and method, empty outside of HTTP."""

    claims: str = ""
    headers: str = ""
    method: str = ""


class Outcome(NamedTuple):
    """The row of an answer by its columns' names, and its response; or the refusal: SQLSTATE, message, detail, hint."""

    answer: dict[str, Any] | None
    headers: list[dict[str, str]] | None = None
    status: str | None = None
    refusal: tuple[str, str, str, str] | None = None

    @property
    def tag(self) -> str:
        """The ETag, an answer's under HTTP."""
        assert self.headers is not None
        return self.headers[0]["ETag"]


def signed_in(user: str | None, **headers: str) -> Request:
    """A request by a user, under HTTP where there are headers."""
    claims = json.dumps({"sub": user}) if user else ""
    return Request(claims, json.dumps(headers) if headers else "", "GET" if headers else "")


def arguments(read: Read, client_id: str, lead_id: str, **chosen: Any) -> dict[str, Any]:
    """The arguments that a read asks for, with those chosen besides."""
    values = {"client_id": client_id, "lead_id": lead_id, **DAYS}
    return {one.name: values[one.name] for one in read.parameters if not one.default} | chosen


def ask(connection: Connection[Any], request: Request, read: str, given: Mapping[str, Any]) -> Outcome:
    """Call a read as PostgREST does. `connection` is in a role that may call it."""
    try:
        with connection.transaction():
            for name, value in (
                ("request.jwt.claims", request.claims),
                ("request.headers", request.headers),
                ("request.method", request.method),
            ):
                connection.execute("select set_config(%s, %s, true)", [name, value])
            [(answer,)] = connection.execute(
                SQL("select row_to_json(r) from inbox_api.{} as r").format(call(read, given)), given
            ).fetchall()
            [(headers, status)] = connection.execute(
                "select current_setting('response.headers', true), current_setting('response.status', true)"
            ).fetchall()
    except Error as error:
        about = error.diag
        fields = (about.sqlstate, about.message_primary, about.message_detail, about.message_hint)
        return Outcome(None, refusal=tuple(field or "" for field in fields))  # type: ignore[arg-type]
    return Outcome(answer, json.loads(headers) if headers else None, status or None)


def call(function: str, given: Mapping[str, Any]) -> Any:
    """A call by names of parameters."""
    named = (SQL("{} => {}").format(Identifier(name), Placeholder(name)) for name in given)
    return SQL("{}({})").format(Identifier(function), SQL(", ").join(named))
