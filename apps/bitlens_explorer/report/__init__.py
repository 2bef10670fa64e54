"""A report of one or several runs: one HTML file with figures, tables and parameters, readable without bitlens."""

from bitlens_explorer.report.page import MOST_RUNS, write_report

__all__ = ["MOST_RUNS", "write_report"]
