"""How far a line has listened, so that whoever holds it next knows what it missed."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "listening",
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("until", sa.Double(), nullable=False),
        sa.Column("gap_since", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("source"),
    )
