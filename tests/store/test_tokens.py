from bridge.store.matrices import keep_matrix, matrix_text
from bridge.store.tokens import add_token, api_tokens, find_token, note_use, revoke_token
from tests.store.builders import NOON


async def test_a_token_is_good_until_it_is_revoked(store):
    async with store.writing() as conn:
        told = {"token_id": "t1", "name": "reports", "hash_text": "$argon2id$…", "scopes": {"read", "calls"}}
        assert await add_token(conn, **told, now=NOON)
        found = await find_token(conn, "t1")
        assert (found.name, found.hash, found.scopes) == ("reports", "$argon2id$…", frozenset({"read", "calls"}))
        await note_use(conn, "t1", NOON + 5)
        assert [token.used_at for token in await api_tokens(conn)] == [NOON + 5]
        assert await revoke_token(conn, "reports", NOON + 9)
        assert not await revoke_token(conn, "reports", NOON + 10)
        assert await find_token(conn, "t1") is None
        assert [token.revoked_at for token in await api_tokens(conn)] == [NOON + 9]


async def test_the_name_of_a_token_is_never_used_twice(store):
    async with store.writing() as conn:
        for n, token_id in enumerate(("t1", "t2")):
            added = await add_token(conn, token_id=token_id, name="one", hash_text="h", scopes=(), now=NOON)
            assert added is (n == 0)
        assert await find_token(conn, "t2") is None


async def test_the_scenarios_that_decided_something_are_kept_for_ever(store):
    async with store.writing() as conn:
        await keep_matrix(conn, "v1", "rows = 1", NOON)
        await keep_matrix(conn, "v1", "rows = 9", NOON + 1)
        await keep_matrix(conn, "v2", "rows = 2", NOON + 2)
        assert await matrix_text(conn, "v1") == "rows = 1"
        assert await matrix_text(conn, "v3") is None
