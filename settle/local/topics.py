"""The topics of `deploy/topics.yaml`: their names, their shape, and their creation on a broker.

`python -m settle.local.topics --replication 3` creates what is missing on the brokers of SETTLE_KAFKA, each topic on so
many of them; all but one have to have a record before it counts as sent. SETTLE_PARTITIONS, SETTLE_KAFKA_SECURITY and
its like are as for the services.
"""

import argparse
import asyncio
import logging
import os
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import yaml
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError

from services.runtime.ground.settings import Settings, SettingsError
from services.runtime.kafka.clients import security
from settle.local import checkout, children, ports, reach
from settle.local.postgres import Connection, Postgres
from settle.local.refusals import NoBroker

logging.getLogger("aiokafka").addHandler(logging.NullHandler())  # what is wrong is said in our own line

PORT = 9092
PARKED_SUFFIX = ".dlq"
_EXISTS = 36


def _plan() -> dict[str, Any]:  # Any: the values of a YAML file
    """What the file says; an installed package has its copy beside this module."""
    root = checkout.find()
    file = root / "deploy" / "topics.yaml" if root else Path(__file__).with_name("topics.yaml")
    plan: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return plan


def topics() -> list[str]:
    """The names of all topics; those that carry work have a twin for what was set aside."""
    names: list[str] = _plan()["topics"]
    return names + [name + PARKED_SUFFIX for name in names if ".events." not in name]


def partitions() -> int:
    """How many partitions each topic has."""
    return int(_plan()["partitions"])


def partitions_of(server: Postgres, service: str) -> int:
    """With how many partitions the data of a service were made; 0 for those that are still to be made."""
    found = [0]

    async def look(connection: Connection) -> None:
        if await connection.fetchval("select to_regclass('runtime_facts')") is not None:
            found[0] = await partitions_in(connection)

    server.do(look, service)
    return found[0]


async def partitions_in(connection: Connection) -> int:
    """With how many partitions the data of this database were made; 0 where no service has run on it."""
    return int(await connection.fetchval("select value from runtime_facts where name = 'partitions'") or 0)


def config() -> dict[str, str]:
    """The settings of every topic."""
    settings: dict[str, str] = _plan()["config"]
    return settings


def check(bootstrap: str) -> None:
    """Raise `NoBroker` if nobody who speaks Kafka answers at what SETTLE_KAFKA names."""
    try:
        reach.known(reach.addresses(bootstrap, PORT))
        reach.answered(lambda: _create_now(bootstrap, []), (KafkaError, OSError, ValueError))
    except reach.Unreachable as error:
        raise NoBroker(f"SETTLE_KAFKA: no broker at {bootstrap} can be used: {error}") from error


def create(
    bootstrap: str, seconds: float, admin: bool, child: children.Child | None = None, replication: int = 1,
    how: Mapping[str, Any] | None = None, count: int = 0,  # Any: arguments of many types
) -> None:
    """Wait until the broker answers, then create what is missing (`admin` false: only wait), with `count` partitions
    each, or as many as the plan says. Callers may have a loop. `how` it is reached, as arguments of aiokafka; in clear
    text if nothing is said."""
    wanted = planned(count or partitions(), replication) if admin else []
    with ThreadPoolExecutor(1) as apart:
        apart.submit(asyncio.run, _create(bootstrap, seconds, wanted, child, how or {})).result()


def planned(count: int, replication: int) -> list[NewTopic]:
    """All topics, with so many partitions on so many brokers each."""
    shape = config() | {"min.insync.replicas": str(max(1, replication - 1))}
    return [NewTopic(name, count, replication, topic_configs=shape) for name in topics()]


async def _create(
    bootstrap: str, seconds: float, wanted: Sequence[NewTopic], child: children.Child | None, how: Mapping[str, Any]
) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            if child is None or ports.listening(int(bootstrap.rpartition(":")[2])):
                await _create_now(bootstrap, wanted, how)
                return
            problem = "nobody listens"
        except (KafkaError, OSError) as error:
            problem = repr(error)
        if time.monotonic() > deadline or (child is not None and not child.running):
            raise NoBroker(f"no broker answers at {bootstrap}: {problem}")
        await asyncio.sleep(0.05)


async def _create_now(
    bootstrap: str, wanted: Sequence[NewTopic], how: Mapping[str, Any] | None = None  # Any: as above
) -> None:
    client = AIOKafkaAdminClient(bootstrap_servers=bootstrap, **how or {})
    try:
        await client.start()
        if wanted:
            made = await client.create_topics([*wanted])
            wrong = [error for error in made.topic_errors if error[1] not in (0, _EXISTS)]
            if wrong:
                raise NoBroker(f"topics were refused: {wrong}")
    finally:
        await client.close()


def main() -> None:
    """Create the topics; what an operator has to mend is one line and exit status 2."""
    options = argparse.ArgumentParser(prog="settle.local.topics", description="Create the topics that are missing.")
    options.add_argument("--replication", type=int, default=1, help="brokers that keep each topic")
    options.add_argument("--seconds", type=float, default=60.0, help="how long the brokers are waited for")
    given = options.parse_args()
    try:
        settings = Settings.from_environ(os.environ, "topics")
        create(
            os.environ["SETTLE_KAFKA"], given.seconds, admin=True, replication=given.replication,
            how=security(settings), count=settings.partitions,
        )
    except (KeyError, NoBroker, SettingsError) as error:
        sys.stderr.write(f"topics cannot be made: {error}\n")
        raise SystemExit(2) from error


if __name__ == "__main__":
    main()
