"""One script per claim in docs/benchmarks.md; `bin/bench` lists and runs them."""
