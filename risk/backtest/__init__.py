"""Backtests: what a ruleset would have done over a period of history, against what is live.

In reading order: `services` queues a run and `running` works through it part by part;
`trials` says what is compared with what; `frames` (with `order_rows` and `other_rows`) turns
history into columns; `judging` turns columns into outcomes; `tally` sums them up; `results`
is the document that comes of it, with `intervals` and the cost curve of `costs`.
"""
