from __future__ import annotations

import csv
from pathlib import Path

from impasto.jobs.results import Plan, write_plan
from impasto.jobs.table import write_table


def test_the_table_has_a_row_for_each_cell(sweep: Path) -> None:
    path = write_table(sweep)
    assert path == sweep / "results.csv"
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert rows[1] == {
        "axis:style_weight": "1e4",
        "axis:content_weight": "10",
        "input:content": "sample:chelsea",
        "input:style": "sample:flow",
        "status": "done",
        "picture": "cells/k1.png",
        "seconds": "9.0",
        "steps": "3",
        "peak_mb": "100.0",
        "network": "lite",
        "shared": "",
        "loss": "1.05",
        "last_loss": "1.1",
        "term:style": "0.1",
        "term:content": "1.2",
        "style": "0.2",
        "content": "0.5",
        "apart": "",
        "error": "",
    }
    assert len(rows) == 6
    assert rows[5]["axis:style_weight"] == '1e5 "<b>"'
    assert (rows[5]["status"], rows[5]["error"], rows[5]["loss"]) == ("failed", "NaN in <step> 3", "")


def test_a_sweep_without_results_has_a_header(tmp_path: Path) -> None:
    write_plan(tmp_path, Plan("t"))
    header = "status,picture,seconds,steps,peak_mb,network,shared,loss,last_loss,style,content,apart,error\n"
    assert write_table(tmp_path).read_text() == header
