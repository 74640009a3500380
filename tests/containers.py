"""PostgreSQL in a container, by testcontainers."""

import gc
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import docker  # type: ignore[import-untyped]
import pytest
from docker.errors import DockerException  # type: ignore[import-untyped]
from psycopg.conninfo import make_conninfo
from testcontainers.community.postgres import PostgresContainer
from testcontainers.core.config import testcontainers_config

from tests.servers import SETTINGS

IMAGE_VARIABLE = "INBOXDB_TEST_IMAGE"


@contextmanager
def container() -> Iterator[str]:
    """Run a server from the image that INBOXDB_TEST_IMAGE names, and yield its superuser's connection string.

    Where there is no engine or no image the test is skipped, but fails in CI, which promises both.
    """
    image = os.environ.get(IMAGE_VARIABLE, "")
    lacking = None
    # Where no engine answers the client leaves an open socket behind, and the garbage collector warns of it.
    with warnings.catch_warnings(action="ignore", category=ResourceWarning):
        try:
            client = docker.from_env()
            try:
                client.images.get(image)
            finally:
                client.close()
        except DockerException as error:
            lacking = f"no Docker engine with an image {image!r} (which {IMAGE_VARIABLE} names): {error}"
        gc.collect()
    if lacking:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(lacking)

    testcontainers_config.ryuk_disabled = True  # it would be fetched from a registry; the `with` cleans up
    settings = [argument for name, value in SETTINGS.items() for argument in ("-c", f"{name}={value}")]
    with PostgresContainer(image, command=settings) as server:
        yield make_conninfo(server.get_connection_url(driver=None))
