"""What is known of the recording of a job that failed over it."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Towards the newer schema. Only adds."""
    op.add_column("jobs", sa.Column("report", sa.Text(), nullable=True))


def downgrade() -> None:
    """Back to the older schema."""
    op.drop_column("jobs", "report")
