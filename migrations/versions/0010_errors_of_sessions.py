"""Why a live call was given up by whoever fetched it."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Towards the newer schema. Only adds."""
    op.add_column("sessions", sa.Column("error_code", sa.String(length=64), nullable=True))


def downgrade() -> None:
    """Back to the older schema."""
    op.drop_column("sessions", "error_code")
