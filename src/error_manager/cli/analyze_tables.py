"""``error-manager analyze`` of tables: CSV of metrics or alarms.

Loaded by name: it needs the extra ``server``, the patterns of log lines do not.
"""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime

from error_manager.analysis.metric_finding import MetricFindings
from error_manager.cli.analyze_output import width, write_report
from error_manager.cli.progress import Progress
from error_manager.core.text_mask import mask_sensitive
from error_manager.decoding.table import open_table
from error_manager.flows.alarm_analysis import AlarmAnalysis
from error_manager.flows.metric_analysis import MetricAnalysis
from error_manager.reporting.analyze_alarms import pairs_to_csv
from error_manager.reporting.analyze_alarms_page import alarms_to_html
from error_manager.reporting.analyze_alarms_table import render_alarms
from error_manager.reporting.analyze_metric import moments_to_csv, series_to_csv
from error_manager.reporting.analyze_metric_page import metrics_to_html
from error_manager.reporting.analyze_metric_table import render_metrics
from error_manager.storage.log_files import LogFiles, cut_at_line


def run_metric(files: LogFiles, args: argparse.Namespace) -> int:
    """Score the columns of each file, print the notable moments and write what was asked for."""
    found = [each.masked(mask_sensitive) for each in _metrics(files)]
    print(render_metrics(found, top=max(0, args.top), width=width(), is_styled=sys.stdout.isatty()))
    if args.report is not None:
        write_report(
            args.report,
            {
                "report.html": metrics_to_html(found),
                "moments.csv": moments_to_csv(found),
                "columns.csv": series_to_csv(found),
            },
        )
    return 0


def run_alarms(files: LogFiles, args: argparse.Namespace) -> int:
    """Read the alarms of all files, print which kinds cause which and write what was asked for."""
    analysis = AlarmAnalysis(now=datetime.now(UTC))
    with Progress(files.total_bytes) as progress:
        for name, blocks in files.parts(cut_at_line):
            for line in analysis.read(open_table(name, blocks)):
                progress.show(files.done_bytes, line)
    found = analysis.finish().masked(mask_sensitive)
    print(render_alarms(found, top=max(0, args.top), width=width(), is_styled=sys.stdout.isatty()))
    if args.report is not None:
        write_report(args.report, {"report.html": alarms_to_html(found), "pairs.csv": pairs_to_csv(found)})
    return 0


def _metrics(files: LogFiles) -> list[MetricFindings]:
    found = []
    with Progress(files.total_bytes) as progress:
        for name, blocks in files.parts(cut_at_line):
            table = open_table(name, blocks)
            analysis = MetricAnalysis(table, now=datetime.now(UTC))
            for line, cells in table.rows:
                analysis.add(line, cells)
                progress.show(files.done_bytes, line)
            found.append(analysis.finish())
    return found
