"""`settle status`: what runs, and whether it serves."""

import json as jsonlib

import typer

from settle.cli.options import DATA, Data, Json


def status(data: Data = DATA, json: Json = False) -> None:
    """Show each process of the engine, and whether it is healthy: all services serve, and `settle up` watches them.

    Exit status 0 if it is healthy, 1 if not, 2 if it cannot be told.
    """
    from settle.local import children, folder
    from settle.local.endpoints import read_endpoints, serving, supervised, tls_of

    said = read_endpoints(data)
    if said is None:
        typer.echo(f"settle: there is no engine in {data}; `settle up` starts one", err=True)
        said = {"pid": 0}
    processes = {
        p["name"]: {"pid": p["pid"], "running": children.alive(p["pid"], p["began"])} for p in said.get("processes", [])
    }
    services = {
        name: {"target": service["target"], "serving": serving(service["target"], tls=tls_of(said))}
        for name, service in said.get("services", {}).items()
    }
    held = folder.holder(data)  # it may be held by a process that cannot be seen from here
    watched = supervised(said) or (held is not None and held.what == folder.ENGINE)
    if not watched and any(process["running"] for process in processes.values()):
        gone = f"`settle up` (process {said['pid']}) has ended without stopping it"
        typer.echo(f"settle: nobody watches the engine in {data}: {gone}; `settle down` ends what is left", err=True)
    healthy = bool(services) and all(s["serving"] for s in services.values()) and watched
    if json:
        typer.echo(jsonlib.dumps({"healthy": healthy, "services": services, "processes": processes}))
    else:
        for name, service in services.items():
            typer.echo(f"{name:<20} {service['target']:<22} {'serving' if service['serving'] else 'down'}")
        for name, process in processes.items():
            typer.echo(f"{name:<20} pid {process['pid']:<18} {'running' if process['running'] else 'ended'}")
        typer.echo("healthy" if healthy else "not running" if not services else "not healthy")
    raise typer.Exit(0 if healthy else 1)
