"""The HTTP server: who may ask for a run, and how each request is answered."""

import asyncio
import logging
import os
import re
import socket
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from hmac import compare_digest
from threading import Event, Thread
from time import monotonic
from typing import Any

from inboxdb.database.errors import CannotListen, InboxdbError, MissingExtra, UnusableSecret
from inboxdb.database.logs import logger
from inboxdb.drain.options import DrainOptions
from inboxdb.drain.run import DrainResult
from inboxdb.serve.runs import Ending, Runs, UnderWay, told

try:
    import uvicorn
    from starlette.applications import Starlette
    from starlette.requests import ClientDisconnect, Request
    from starlette.responses import JSONResponse
    from starlette.routing import Route
    from uvicorn.protocols.http.h11_impl import H11Protocol
except ModuleNotFoundError as error:
    raise MissingExtra("serve-trigger", "trigger") from error

SECRET = "INBOXDB_TRIGGER_SECRET"  # the name of the variable
LEAST_SECRET = 32  # characters

HEAD_WITHIN = 10.0  # seconds for the request's line and headers, from the connection's start
HEAD_MOST = 16 * 1024  # bytes
BODY_WITHIN = 5.0  # seconds
BODY_MOST = 16 * 1024  # bytes; nothing in a body is looked at
REQUESTS_MOST = 64  # connections, beyond which a request is answered with 503
CONNECTIONS_MOST = 128  # beyond which one is cut off at once: the runs need file descriptors, too
LAST_ANSWERS = 10  # seconds, at the end of the process
REQUEST_ID = re.compile("[A-Za-z0-9._:/+=-]{1,128}")  # a caller's text; of another nothing is logged
TOLD_EVERY = 60.0  # seconds between two lines of the log about wrong secrets

# Both would write to stderr, past our log.
for library in ("uvicorn", "asyncio"):
    logging.getLogger(library).addHandler(logging.NullHandler())


def read_secret() -> str:
    """Read the secret from the environment, without blanks around it.

    Raises UnusableSecret where it is not set, short, or not fit for a header.
    """
    secret = os.environ.get(SECRET, "").strip()
    if len(secret) < LEAST_SECRET or not all("!" <= character <= "~" for character in secret):
        raise UnusableSecret(SECRET, LEAST_SECRET, is_set=bool(secret))
    return secret


def serve(
    options: DrainOptions,
    carry_out: Callable[[DrainOptions], DrainResult],
    stop: Event,
    *,
    address: tuple[str, int],
    secret: str,
    answer_within: float,
) -> None:
    """Serve until told to stop; runs are carried out in this thread, one at a time.

    Parameters: options, of every run; carry_out, which drains; stop; address, host and port; secret, which callers
    show; answer_within, for how many seconds a caller waits for the end of its run.
    Raises CannotListen. On KeyboardInterrupt the refreshes at hand are undone and it is raised again.
    """
    listener = _listen(*address)
    runs = Runs(options, carry_out, stop)
    config = uvicorn.Config(
        _Answers(runs, secret, answer_within).app,
        http=_Connection,
        ws="none",
        loop="asyncio",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        headers=[("Connection", "close")],
        limit_concurrency=REQUESTS_MOST,
        h11_max_incomplete_event_size=HEAD_MOST,
        timeout_graceful_shutdown=LAST_ANSWERS,
    )
    server = uvicorn.Server(config)

    def answer() -> None:
        try:
            server.run([listener])
        finally:
            stop.set()

    answering = Thread(target=answer, name="http", daemon=True)
    answering.start()
    logger.info("serving", action="start", address=f"{address[0]}:{address[1]}")
    try:
        runs.work()
    finally:
        server.should_exit = True
        answering.join(LAST_ANSWERS + 1)


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=CONNECTIONS_MOST)
    except OSError as error:
        raise CannotListen(host, port) from error


class _Connection(H11Protocol):
    """A connection for one request, whose head has to come in time."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._too_late = self.loop.call_later(HEAD_WITHIN, self._cut_without_head)
        if len(self.connections) > CONNECTIONS_MOST:
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._too_late.cancel()
        super().connection_lost(exc)

    def _cut_without_head(self) -> None:
        if self.cycle is None:
            self.transport.abort()


class _Answers:
    """Answers requests; tells nothing of the database to callers but SQLSTATEs, since its name stands in the log."""

    def __init__(self, runs: Runs, secret: str, answer_within: float) -> None:
        self._runs = runs
        self._secret = _digest(secret)
        self._answer_within = answer_within
        self._told_at = -TOLD_EVERY
        self.app = Starlette(
            routes=[
                Route("/drain", self._drain, methods=["POST"]),
                Route("/maintenance", self._maintenance, methods=["POST"]),
                Route("/healthz", self._healthz, methods=["GET"]),
            ]
        )
        self.app.router.redirect_slashes = False

    async def _healthz(self, request: Request) -> JSONResponse:
        """Say whether runs are begun. Asks no database: whoever knows no secret makes nobody work."""
        return _ending() if self._runs.are_ending else JSONResponse({"status": "serving"})

    async def _drain(self, request: Request) -> JSONResponse:
        return await self._run(request, refreshes=True)

    async def _maintenance(self, request: Request) -> JSONResponse:
        return await self._run(request, refreshes=False)

    async def _run(self, request: Request, *, refreshes: bool) -> JSONResponse:
        refused = await _refuse_body(request) or self._refuse_stranger(request)
        if refused:
            return refused
        try:
            run = self._runs.ask(refreshes=refreshes)
        except UnderWay as under_way:
            run_id = under_way.run.options.run_id
            return _said(409, "a run is under way; none was begun: ask again when it has ended", run_id=run_id)
        except Ending:
            return _ending()
        request_id = request.headers.get("x-request-id", "")
        if REQUEST_ID.fullmatch(request_id):
            logger.info("a request began a run", action="call", run=run.options.run_id, request_id=request_id)
        outcome = asyncio.wrap_future(run.outcome)
        await asyncio.wait([outcome], timeout=self._answer_within)
        if not outcome.done():
            return JSONResponse({"run_id": run.options.run_id, "status": "running"}, 202)
        if outcome.cancelled():
            return _ending()
        match outcome.exception():
            case None:
                return JSONResponse(told(outcome.result()))
            case InboxdbError() as error:
                return _said(
                    503,
                    "the database cannot be reached, or refuses; the log of this server says why",
                    run_id=run.options.run_id,
                    sqlstate=error.sqlstate,
                )
            case _:
                return _said(500, "internal error; the log of this server names it", run_id=run.options.run_id)

    def _refuse_stranger(self, request: Request) -> JSONResponse | None:
        """Refuse a request that does not show the secret; the comparison takes as long for any other."""
        scheme, _, shown = request.headers.get("authorization", "").partition(" ")
        if compare_digest(_digest(shown.strip()), self._secret) and scheme.lower() == "bearer":
            return None
        if monotonic() - self._told_at >= TOLD_EVERY:
            self._told_at = monotonic()
            logger.warning("refused a request without the secret", action="call")
        return _said(401, "show the secret: Authorization: Bearer SECRET", headers={"WWW-Authenticate": "Bearer"})


def _digest(secret: str) -> bytes:
    return sha256(secret.encode()).digest()


async def _refuse_body(request: Request) -> JSONResponse | None:
    """Read a body to its end, or refuse it: a connection that is closed before loses the answer."""
    size = 0
    with suppress(ClientDisconnect):
        try:
            async with asyncio.timeout(BODY_WITHIN):
                declared = request.headers.get("content-length", "0")
                if int(declared) <= BODY_MOST:
                    async for chunk in request.stream():
                        size += len(chunk)
                        if size > BODY_MOST:
                            break
                    else:
                        return None
        except TimeoutError:
            return _said(408, f"the body did not end within {BODY_WITHIN:.0f} s; none is needed")
    return _said(413, f"the body has more than {BODY_MOST} bytes; none is needed")


def _ending() -> JSONResponse:
    return _said(503, "this server is about to end, and begins no run")


def _said(status: int, error: str, *, headers: dict[str, str] | None = None, **fields: Any) -> JSONResponse:
    """Answer with an error; a 503 says when to try again."""
    headers = {"Retry-After": "60"} if status == 503 else headers
    return JSONResponse({"error": error, **fields}, status, headers)
