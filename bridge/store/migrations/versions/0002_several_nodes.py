"""What several nodes on one PostgreSQL lock: the lanes of clients, and what only one of them may do."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "lane_slot",
        sa.Column("slot", sa.Integer(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("slot"),
    )
    if op.get_context().dialect.name == "postgresql":
        op.execute("INSERT INTO lane_slot SELECT generate_series(0, 8191)")
    op.create_table(
        "hold",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("node", sa.String(), nullable=False),
        sa.Column("since", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
