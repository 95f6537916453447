"""What a query costs, by its plan: a count of looks is the same on a busy machine."""

import json
from collections.abc import Iterator
from typing import Any, TypeAlias

import asyncpg

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


async def looks(connection: Connection, query: str) -> float:
    """How often a row is looked at, by all steps of the query's plan together."""
    plan = json.loads(await connection.fetchval(f"explain (analyze, format json) {query}"))[0]["Plan"]
    return sum(map(_looks, _steps(plan)))


def _steps(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", ()):
        yield from _steps(below)


def _looks(step: dict[str, Any]) -> float:
    each = ("Actual Rows", "Rows Removed by Filter", "Rows Removed by Join Filter")
    return float(step["Actual Loops"] * sum(step.get(name, 0) for name in each))
