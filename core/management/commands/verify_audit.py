"""`manage.py verify_audit`: read the audit chain from its first block and say where it breaks."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from rich.console import Console
from rich.progress import Progress

from core.models import AuditBlock
from core.verification import Break, Damage, verify

# More ids than this say no more: a whole block was touched.
_NAMED_ROWS = 20


class Command(BaseCommand):
    help = "Verify the audit chain; exit 1 at the first block that does not match what was sealed."

    def handle(self, *args: Any, **options: Any) -> None:
        with Progress(console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task("Verifying", total=AuditBlock.objects.count())
            found = verify(at=timezone.now(), progress=lambda blocks: bar.update(task, completed=blocks))
        self.stdout.write(f"{found.blocks:,} blocks with {found.rows:,} rows match what was sealed.")
        if found.waiting:
            self.stdout.write(f"{found.waiting:,} rows are not sealed yet.")
        if found.overdue:
            self.stdout.write(f"{found.overdue:,} rows should be sealed by now: is the sealer running?")
        if found.broken is not None:
            raise CommandError(_sentence(found.broken))


def _sentence(broken: Break) -> str:
    block = f"Block {broken.block}" + (f" of the journal '{broken.journal}'" if broken.journal else "")
    ids = ", ".join(str(id) for id in broken.rows[:_NAMED_ROWS])
    more = f" and {len(broken.rows) - _NAMED_ROWS} more" if len(broken.rows) > _NAMED_ROWS else ""
    return f"{block}: {_SENTENCES[broken.damage]}{f' Row {ids}{more}.' if ids else ''}"


_SENTENCES = {
    Damage.ROW_ALTERED: "a row was altered after it was sealed.",
    Damage.ROW_MISSING: "a sealed row is missing.",
    Damage.ROW_INSERTED: "a row was put into the block after it was sealed.",
    Damage.BLOCK_ALTERED: "the block was altered, or the one before it is not the one it was sealed after.",
    Damage.BLOCK_MISSING: "the block is missing.",
    Damage.END_MISSING: "the chain ends before it, though a head kept outside the database names it.",
    Damage.END_REPLACED: "another block stands where a head kept outside the database had been.",
}
