"""Benchmarks: ratios measured side by side in one run, medians of several rounds. Not tests: `make bench` runs them."""
