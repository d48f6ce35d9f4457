"""Retention, deletion with a receipt, admission by size, inputs that are made again, how attempts died."""

import sqlalchemy as sa
from alembic import op

RowId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_JOBS = ("source_bytes", "estimated_s", "keep_audio_s", "keep_features_s", "keep_emissions_s", "keep_text_s")


def upgrade() -> None:
    """Towards the newer schema. Only adds, and what it adds may be left out: older workers go on meanwhile."""
    op.add_column("jobs", sa.Column("source_bytes", sa.BigInteger(), nullable=True))
    for name in (*_JOBS[1:], "deleted_at"):
        op.add_column("jobs", sa.Column(name, sa.Double(), nullable=True))
    op.create_index(op.f("ix_jobs_tenant_state"), "jobs", ["tenant", "state"])
    op.create_index(op.f("ix_jobs_ended_at"), "jobs", ["ended_at"])
    op.add_column("steps", sa.Column("remakes", sa.Integer(), server_default="0", nullable=False))
    op.add_column("attempts", sa.Column("exit_status", sa.String(length=64), nullable=True))
    op.add_column("artifacts", sa.Column("removed_at", sa.Double(), nullable=True))
    op.create_index(op.f("ix_artifacts_step_removed_at_created_at"), "artifacts", ["step", "removed_at", "created_at"])
    _create_removals()
    op.create_table(
        "chores",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("begun_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_chores")),
    )


def downgrade() -> None:
    """Back to the older schema."""
    op.drop_table("chores")
    op.drop_table("removals")
    op.drop_index(op.f("ix_artifacts_step_removed_at_created_at"), "artifacts")
    op.drop_column("artifacts", "removed_at")
    op.drop_column("attempts", "exit_status")
    op.drop_column("steps", "remakes")
    op.drop_index(op.f("ix_jobs_ended_at"), "jobs")
    op.drop_index(op.f("ix_jobs_tenant_state"), "jobs")
    for name in (*_JOBS, "deleted_at"):
        op.drop_column("jobs", name)


def _create_removals() -> None:
    op.create_table(
        "removals",
        sa.Column("id", RowId, autoincrement=True, nullable=False),
        sa.Column("job_id", sa.String(length=36), nullable=False),
        sa.Column("reason", sa.String(length=16), nullable=False),
        sa.Column("removed", sa.Text(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("finished_at", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_removals_job_id_jobs"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_removals")),
    )
    op.create_index(op.f("ix_removals_job_id"), "removals", ["job_id"])
    op.create_index(op.f("ix_removals_finished_at"), "removals", ["finished_at"])
