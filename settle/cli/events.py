"""`settle events`: what subscribers read, shown as it comes, and published again for one that is new or lost some."""

import time
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated
from uuid import uuid4

import typer

from settle.cli.operators import Operator, ServiceName, Why, asked_one, text_if_any
from settle.cli.options import DATA, Data

events = typer.Typer(no_args_is_help=True, help="Events for subscribers: tail, replay.")

PUBLISHED_SECONDS = 0.5
"""How often it is asked whether all events are published again."""
Since = Annotated[datetime | None, typer.Option("--from", help="Only events from this instant on, UTC.")]
Key = Annotated[
    str, typer.Option("--key", "--aggregate", callback=text_if_any, help="Only those of this order, account ...")
]


class EventService(StrEnum):
    """Whose events there are."""

    order = "order"
    credit_ledger = "credit_ledger"
    card_redemption = "card_redemption"
    audit = "audit"


@events.command("tail")
def tail(
    service: Annotated[list[EventService] | None, typer.Option(help="Whose; may be given again. All if not.")] = None,
    since: Since = None, key: Key = "",
    follow: Annotated[bool, typer.Option(help="Go on with what comes, until Ctrl-C.")] = True, data: Data = DATA,
) -> None:
    """Show events as Kafka has them, each as a line of JSON: place, key, headers, value. From now on, or `--from`."""
    import json
    from dataclasses import asdict

    from settle.client.events import EventReader
    from settle.local.endpoints import running_engine, tls_of

    topics = [f"settlement.{name.value}.events.v1" for name in service or EventService]
    said = running_engine(data)
    tls = tls_of(said) if said["broker"]["kind"] == "kafka" else {}
    reader = EventReader(said["broker"]["bootstrap"], topics, _aware(since), tls)
    try:
        for record in reader.records(follow):
            if not key or record.key == key:
                typer.echo(json.dumps(asdict(record), ensure_ascii=False))
    except KeyboardInterrupt:
        pass  # how one stops following
    finally:
        reader.close()


@events.command("republish", hidden=True)  # as it was called before
@events.command("replay")
def replay(
    service: ServiceName, operator: Operator, reason: Why, key: Key = "", since: Since = None,
    wait: Annotated[bool, typer.Option(help="Until all are in Kafka.")] = True, data: Data = DATA,
) -> None:
    """Publish events again, key, value and headers as first sent, in the order of each aggregate."""
    from settlement.operations.v1 import operations_service_pb2 as pb

    request = pb.RepublishEventsRequest(request_id=str(uuid4()), aggregate_id=key, operator_id=operator, reason=reason)
    if (instant := _aware(since)) is not None:
        request.from_time.FromDatetime(instant)
    while True:
        done = asked_one(data, service, lambda stub: stub.RepublishEvents(request, timeout=10)).republication
        if done.HasField("end_time") or not wait:
            typer.echo(done)
            return
        time.sleep(PUBLISHED_SECONDS)


def _aware(instant: datetime | None) -> datetime | None:
    return instant if instant is None or instant.tzinfo else instant.replace(tzinfo=UTC)
