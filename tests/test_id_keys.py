"""Keys that stand for ids: short, and no two ids have the same one."""

from typing import Any
from uuid import UUID

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import Connection

UUID_TEXT = "01234567-89ab-cdef-0123-456789abcdef"

# What looks like the text of a UUID, and is not as PostgreSQL writes it.
NEARLY = (
    UUID_TEXT.upper(),
    "{" + UUID_TEXT + "}",
    UUID_TEXT.replace("-", ""),
    f"{UUID_TEXT} ",
    f"{UUID_TEXT}\n",
    UUID_TEXT[:-1],
    UUID_TEXT[:-1] + "g",
    UUID_TEXT[:-1] + "-",
    UUID_TEXT.replace("cdef-", "cde--"),
    UUID_TEXT.replace("0", "\u0660"),
    "-" * 36,
)
OTHERS = (
    "",
    " ",
    "\x01",
    "1",
    "fifteen-letters",
    "sixteen--letters",
    "cjld2cjxh0000qzrmn831i7rn",
    "é" * 8,
    "\U0001d4b3",
)

TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
LIKE_UUIDS = st.text("0123456789abcdefABCDEF-", min_size=34, max_size=38)


def keys(owner: Connection[Any], ids: list[str]) -> list[bytes]:
    """Return the keys of ids; fails unless each id can be made of its key again."""
    rows = owner.execute(
        """
        select inboxdb.id_key(i.id), inboxdb.key_id(inboxdb.id_key(i.id)) = i.id
        from unnest(%s::text[]) with ordinality as i (id, n)
        order by n
        """,
        [ids],
    ).fetchall()
    assert all(round_trip for _, round_trip in rows)
    return [key for key, _ in rows]


def test_the_text_of_a_uuid_takes_its_16_bytes(owner: Connection[Any]) -> None:
    assert keys(owner, [UUID_TEXT]) == [UUID(UUID_TEXT).bytes]
    assert owner.execute("select inboxdb.id_key(%s::uuid)", [UUID_TEXT]).fetchall() == [(UUID(UUID_TEXT).bytes,)]


def test_what_is_not_as_the_server_writes_it_keeps_its_text(owner: Connection[Any]) -> None:
    others = [*NEARLY, *OTHERS]
    assert all(len(key) != 16 for key in keys(owner, others))
    assert len(set(keys(owner, others))) == len(others)


def test_null_has_none(owner: Connection[Any]) -> None:
    assert owner.execute(
        "select inboxdb.id_key(null::text), inboxdb.id_key(null::uuid), inboxdb.key_id(null)"
    ).fetchall() == [(None, None, None)]


@given(st.lists(TEXTS | LIKE_UUIDS | st.uuids().map(str), unique=True))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_two_ids_have_the_same_key(owner: Connection[Any], ids: list[str]) -> None:
    assert len(set(keys(owner, ids))) == len(ids)
