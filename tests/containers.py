"""PostgreSQL in a container, by testcontainers."""

import gc
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import docker  # type: ignore[import-untyped]
from docker.errors import DockerException  # type: ignore[import-untyped]
from psycopg.conninfo import make_conninfo
from testcontainers.community.postgres import PostgresContainer
from testcontainers.core.config import testcontainers_config

from tests.programs import lacking
from tests.servers import SETTINGS

IMAGE = "inboxdb-test-postgres"  # made by .ci/build-image


@contextmanager
def container() -> Iterator[str]:
    """Run a server from the image IMAGE, and yield its superuser's connection string.

    Where there is no engine or no image the test is skipped, but fails in CI, where both are promised.
    """
    missing = None
    # Where no engine answers the client leaves an open socket behind, and the garbage collector warns of it.
    with warnings.catch_warnings(action="ignore", category=ResourceWarning):
        try:
            client = docker.from_env()
            try:
                client.images.get(IMAGE)
            finally:
                client.close()
        except DockerException as error:
            missing = f"a Docker engine with an image {IMAGE} ({type(error).__name__})"
        gc.collect()
    if missing:
        lacking(missing)

    testcontainers_config.ryuk_disabled = True  # ryuk's image would come from a registry; the `with` cleans up
    settings = [argument for name, value in SETTINGS.items() for argument in ("-c", f"{name}={value}")]
    with PostgresContainer(IMAGE, command=settings) as server:
        yield make_conninfo(server.get_connection_url(driver=None))
