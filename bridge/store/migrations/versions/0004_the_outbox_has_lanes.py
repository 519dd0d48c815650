"""The outbox has lanes, and remembers what remote systems call our records. No version before this one wrote to it."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_table("outbox")
    op.create_table(
        "outbox",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("system", sa.String(), nullable=False),
        sa.Column("lane", sa.String(), nullable=False),
        sa.Column("effect", sa.String(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("unknown", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("since", sa.Double(), nullable=False),
        sa.Column("finished_at", sa.Double(), nullable=True),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("key", name=op.f("uq_outbox_key")),
    )
    for name, columns, state in (
        ("ix_outbox_waiting", ["system", "lane", "id", "state"], "waiting"),
        ("ix_outbox_dead", ["id"], "dead"),
        ("ix_outbox_done", ["finished_at"], "done"),
    ):
        where = sa.text(f"state = '{state}'")
        op.create_index(name, "outbox", columns, unique=False, sqlite_where=where, postgresql_where=where)
    op.create_table(
        "outbox_lane",
        sa.Column("system", sa.String(), nullable=False),
        sa.Column("lane", sa.String(), nullable=False),
        sa.Column("next_at", sa.Double(), nullable=False),
        sa.Column("holder", sa.String(), nullable=True),
        sa.Column("held_by", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("system", "lane"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_outbox_lane_next_at", "outbox_lane", ["system", "next_at"], unique=False)
    held = sa.text("held_by IS NOT NULL")
    op.create_index(
        "ix_outbox_lane_held",
        "outbox_lane",
        ["system", "lane"],
        unique=False,
        sqlite_where=held,
        postgresql_where=held,
    )
    op.create_table(
        "remote_record",
        sa.Column("system", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("local_id", sa.String(), nullable=False),
        sa.Column("remote_id", sa.String(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("system", "kind", "local_id"),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    raise NotImplementedError("go back by restoring the backup made before the upgrade")
