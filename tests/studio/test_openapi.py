"""The API against its own description: generated requests, valid and not, never find an error of the server."""

from __future__ import annotations

import os
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import response_schema_conformance
from tests.studio.conftest import FAST, Visitor, serving

CASES = int(os.environ.get("IMPASTO_API_CASES", "10"))
"""Generated requests for each operation; 25 operations with 55, at most twice, are 2,000 cases."""

ENDLESS = "/events"


LIMITS = {"side": 96, "queue": 4, "queue_each": 4, "megapixels": 1}
"""Small ones: a generated request may ask for anything."""


PLAIN = {"settings": {"size": 64}, "strokes": [{"tool": "all"}], "box": [0, 0, 8, 8]}
"""Parts of a body that are possible, for every fourth request."""


class _Real:
    """A visitor with a picture and a run, whose ids every second request gets instead of random ones."""

    def __init__(self, visitor: Visitor) -> None:
        self.count, self.source = 0, visitor.picture()
        run = visitor.start({"task": "texture", "style": [{"source": self.source}], "settings": FAST})
        self.ids = [self.source.removeprefix("picture:"), run["id"]]
        self.headers = {"Authorization": f"Bearer {visitor.http.cookies['impasto_visitor']}"}

    def made_real(self, case: Any) -> None:
        """Replace ids and sources of every second request."""
        self.count += 1
        if self.count % 2:
            return
        if "number" in (case.path_parameters or {}):
            case.path_parameters["number"] = self.ids[self.count // 2 % 2]
        if isinstance(case.body, dict):
            for name in ("content", "photo", "source", "a", "b", "init", "base", "mask"):
                if case.body.get(name) is not None:
                    case.body[name] = self.source
            if isinstance(case.body.get("style"), str):
                case.body["style"] = "starry"
            if isinstance(case.body.get("style"), list):
                case.body["style"] = [{"source": "sample:ink"}]
            if self.count % 4 == 0 and "task" in case.body:
                case.body.clear()
                case.body |= {"task": "texture", "style": [{"source": self.source}], "settings": FAST}
            elif self.count % 4 == 0:
                case.body |= {name: value for name, value in PLAIN.items() if name in case.body}


def test_no_request_finds_an_error_of_the_server(tmp_path: Path) -> None:
    with serving(tmp_path, **LIMITS) as server, closing(Visitor(server.address)) as visitor:
        tried, answers = try_all(f"{server.address}api/v1/openapi.json", _Real(visitor))
    assert len(tried) >= 25
    assert {200, 201, 202, 400, 404, 422} <= answers, answers
    assert sum(tried.values()) >= CASES * 20, "few operations have fewer cases"


def try_all(address: str, real: _Real) -> tuple[dict[str, int], set[int]]:
    """Send the requests; return how many each operation had, and the statuses of all answers."""
    tried, answers = dict[str, int](), set[int]()
    for result in schemathesis.openapi.from_url(address).get_all_operations():
        operation = result.ok()
        if operation.path.endswith(ENDLESS) or (operation.method, operation.path[-8:]) == ("delete", "{number}"):
            continue

        for mode in GenerationMode:

            @settings(
                max_examples=CASES,
                deadline=None,
                derandomize=True,
                database=None,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
            @given(case=operation.as_strategy(generation_mode=mode))
            def check(case: Any) -> None:
                real.made_real(case)
                response = case.call(headers=real.headers)
                tried[operation.label] = tried.get(operation.label, 0) + 1  # noqa: B023 (called at once)
                answers.add(response.status_code)
                case.validate_response(response, checks=[not_a_server_error, response_schema_conformance])

            with suppress(Unsatisfiable):  # an operation without parameters has no wrong request
                check()
    return tried, answers
