"""Corrections of transcripts by people."""

import sqlalchemy as sa
from alembic import op

RowId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Towards the newer schema. Only adds."""
    op.create_table(
        "corrections",
        sa.Column("id", RowId, autoincrement=True, nullable=False),
        sa.Column("transcript_id", RowId, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("segment", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=True),
        sa.Column("author", sa.String(length=64), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(
            ["transcript_id"],
            ["transcripts.id"],
            name=op.f("fk_corrections_transcript_id_transcripts"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_corrections")),
        sa.UniqueConstraint(
            "transcript_id",
            "revision",
            "segment",
            "position",
            name=op.f("uq_corrections_transcript_id_revision_segment_position"),
        ),
    )


def downgrade() -> None:
    """Back to the older schema."""
    op.drop_table("corrections")
