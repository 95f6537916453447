"""`python -m tests.settle.local.dummy`: serves gRPC health at SETTLE_LISTEN;
ends at once with the status DUMMY_FAILS."""

import os
import signal
import sys
from concurrent.futures import ThreadPoolExecutor

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc


def main() -> None:
    """Serve until SIGTERM."""
    print("dummy speaks", flush=True)
    if status := os.environ.get("DUMMY_FAILS"):
        sys.exit(int(status))
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    server = grpc.server(ThreadPoolExecutor(2))
    servicer = health.HealthServicer()
    servicer.set("", health_pb2.HealthCheckResponse.SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    server.add_insecure_port(os.environ["SETTLE_LISTEN"])
    server.start()
    signal.sigwait({signal.SIGTERM})
    server.stop(1).wait(2)


if __name__ == "__main__":
    main()
