"""Run a queued backtest part by part, so that a killed worker costs one part and a cancel is heard.

A part is the rows from where the one before ended, judged and summed up; it is stored in a
transaction of its own with the progress. Whoever takes the run up later goes on after the last
stored part with the same rules, model and labels, and comes to the same result.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import polars as pl
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from core import audit, journal
from core.actors import SYSTEM
from core.refs import Ref
from risk import runs
from risk.lists import answer_probe_columns
from risk.live import ModelBraked, find_champion, load_version
from risk.models import Backtest, BacktestPart, ModelVersion, Subject
from risk.rules.engine import CompiledRuleset
from risk.rules.schema import Field
from risk.runs import Clock, Hold, Superseded
from risk.scoring import LiveModel

from .frames import Batch, History, microseconds_of
from .judging import JointJudge, judge_rows
from .order_rows import OrderRows
from .other_rows import OtherRows
from .reporting import build_result, judged_rules
from .tally import Tally, count_up, empty_tally, from_bytes, sum_up, to_bytes
from .trials import Trial, restore_trial

Progress = Callable[[int, int], None]  # rows done, rows in all


def run(
    backtest_id: int, *, at: datetime, clock: Clock = timezone.now, progress: Progress | None = None
) -> bool:
    """Run a queued backtest, or go on with one; False if it did not finish, with the reason on its row.

    clock    what heartbeats and the end are dated by
    """

    def finish(hold: Hold[Backtest]) -> bool:
        _Run(hold.run, hold, progress).finish()
        return True

    return bool(runs.work(runs.BACKTESTS, backtest_id, finish, at=at, clock=clock))


@dataclass
class _Run:
    """One worker's run of one backtest."""

    backtest: Backtest
    hold: Hold[Backtest]
    progress: Progress | None

    def finish(self) -> None:
        self.hold.beat(step="reading")
        trial = restore_trial(self.backtest)
        parts = [from_bytes(part.tally) for part in self.backtest.parts.order_by("number")]
        champion = self._champion([header for _, header in parts])
        rulesets = [trial.candidate.rules, *([trial.live.rules] if trial.live else [])]
        judge = JointJudge(rulesets)
        rows = open_history(self.backtest, champion, _fields_of(rulesets), beat=self.hold.beat)
        self.hold.beat(total_rows=rows.total, step="judging")
        done = [tally for tally, _ in parts]
        model_hash = "" if champion is None else champion.sha256
        while (batch := rows.read(self._next(done), self.hold.beat)) is not None:
            tally = judge_batch(batch, trial, judge)
            self._store(len(done) + 1, len(batch), to_bytes(tally, model=model_hash))
            done.append(tally)
            if self.progress:
                self.progress(sum(_rows_of(one) for one in done), rows.total)
        self._complete(trial, done, model_hash)

    def _champion(self, headers: Sequence[dict[str, str]]) -> LiveModel | None:
        """Return the model that scores: that of the parts there are, whoever is champion by now."""
        if not headers:
            try:
                return find_champion(self.backtest.subject)
            except ModelBraked:
                return None
        sha256 = headers[0]["model"]
        return load_version(ModelVersion.objects.get(sha256=sha256)) if sha256 else None

    def _next(self, done: Sequence[Tally]) -> int:
        return done[-1].until if done else microseconds_of(self.backtest.since)

    def _store(self, number: int, row_count: int, tally: bytes) -> None:
        try:
            with transaction.atomic():
                BacktestPart.objects.create(
                    backtest=self.backtest, number=number, row_count=row_count, tally=tally
                )
                self.hold.beat(done_rows=F("done_rows") + row_count)
        except IntegrityError:
            # Somebody took this run for abandoned and has this part already; theirs is the same.
            raise Superseded from None

    def _complete(self, trial: Trial, done: Sequence[Tally], model_hash: str) -> None:
        self.hold.beat(step="summing")
        tally = sum_up(done) if done else _nothing(trial, self.backtest)
        result = build_result(self.backtest, trial, tally, model_hash=model_hash, parts=len(done))
        with journal.unit():
            self.hold.finish(result=result.to_json())
            audit.record(
                "backtest.finished",
                actor=SYSTEM,
                subject=Ref("backtest", self.backtest.pk),
                detail={"hash": self.backtest.content_hash, "rows": result.data["rows"]},
            )


def open_history(
    backtest: Backtest,
    champion: LiveModel | None,
    rule_fields: tuple[Field, ...],
    *,
    beat: Callable[[], None],
) -> History:
    """Return the rows of a backtest's period, with what was known of them when it was requested."""
    if backtest.subject == Subject.ORDER:
        return OrderRows(
            since=backtest.since,
            until=backtest.until,
            labels_before=backtest.created_at,
            rule_fields=rule_fields,
            champion=champion,
            beat=beat,
        )
    return OtherRows(
        backtest.subject,
        since=backtest.since,
        until=backtest.until,
        labels_before=backtest.created_at,
        rule_fields=rule_fields,
        champion=champion,
    )


def judge_batch(batch: Batch, trial: Trial, judge: JointJudge) -> Tally:
    """Return the sums over a batch; `judge` has the candidate's rules first, then live's if any are."""
    batch = _with_answers(batch, judge)
    findings = judge.judge(batch.frame, at=batch.at, stable_key=batch.stable_keys)
    sides = [trial.candidate, *([trial.live] if trial.live else [])]
    judged = [
        judge_rows(found, batch.scores, side.policy.thresholds, batch.degraded)
        for found, side in zip(findings, sides, strict=True)
    ]
    return count_up(batch, judged[0], judged[1] if len(judged) > 1 else None)


def _with_answers(batch: Batch, judge: JointJudge) -> Batch:
    """Add what lists say of each row; a list that fails degrades every row, as it would every decision."""
    if not judge.probes:
        return batch
    moments = pl.Series("at", batch.at).cast(pl.Datetime("us", "UTC"))
    answers, failed = answer_probe_columns(judge.probes, batch.frame.with_columns(moments), at="at")
    degraded = batch.degraded | bool(failed)
    return replace(batch, frame=batch.frame.hstack(answers), degraded=degraded)


def _fields_of(rulesets: Sequence[CompiledRuleset]) -> tuple[Field, ...]:
    return tuple(dict.fromkeys(field for ruleset in rulesets for field in ruleset.fields_used))


def _nothing(trial: Trial, backtest: Backtest) -> Tally:
    live_rules = judged_rules(trial.live) if trial.live else []
    return empty_tally(
        len(judged_rules(trial.candidate)), len(live_rules), until=microseconds_of(backtest.until)
    )


def _rows_of(tally: Tally) -> int:
    return int(tally.total[..., 0].sum())
