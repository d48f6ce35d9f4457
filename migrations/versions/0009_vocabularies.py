"""The words of each tenant's calls."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Towards the newer schema. Only adds."""
    op.create_table(
        "vocabularies",
        sa.Column("tenant", sa.String(length=64), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", name=op.f("pk_vocabularies")),
    )


def downgrade() -> None:
    """Back to the older schema."""
    op.drop_table("vocabularies")
