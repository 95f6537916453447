"""Which verbs there are."""

import typer

from settle.cli import (
    audit,
    bench,
    cards,
    certificates,
    demo,
    doctor,
    down,
    events,
    logs,
    operators,
    simulate,
    status,
    test,
    token,
    up,
    vectors,
    verify,
)
from settle.cli.verbs import Verbs

app = typer.Typer(
    name="settle", cls=Verbs, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
    help="The settlement engine: run it, prove it, measure it, operate it.",
)
VERBS = (
    up.up, down.down, status.status, logs.logs, doctor.doctor, demo.demo, test.test, bench.bench, verify.verify,
    simulate.simulate, token.token, certificates.certificates,
)
for verb in VERBS:
    app.command()(verb)
app.add_typer(vectors.app, name="vectors")
app.add_typer(audit.app, name="audit")
app.add_typer(cards.app, name="cards")
app.add_typer(operators.sagas, name="sagas")
app.add_typer(operators.parked, name="parked")
app.add_typer(events.events, name="events")
