"""What an import did, in sentences for the command line."""

from intake.models import ImportBatch


def describe(batch: ImportBatch, *, dry_run: bool = False) -> list[str]:
    """Return the lines to print about a finished batch."""
    verb = "would be applied" if dry_run else "applied"
    counts = (
        f"{batch.source_rows:,} rows read: {batch.rows_applied:,} orders {verb},"
        f" {batch.rows_known:,} unchanged, {batch.rows_failed:,} refused; {batch.labels_applied:,} labels."
    )
    lines = [counts]
    lines += [f"  {count:,} × {code}" for code, count in sorted(batch.problem_counts.items())]
    if batch.error_file:
        lines.append(f"What was wrong stands in {_place(batch)}")
    return lines


def _place(batch: ImportBatch) -> str:
    try:
        return batch.error_file.path
    except NotImplementedError:  # storage that is no file system
        return str(batch.error_file.name)
