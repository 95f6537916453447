"""The embedded broker: librdkafka's mock cluster in a process of its own.

Not Kafka: it keeps nothing and forgets old records.

`python -m settle.local.embedded FILE PLAN` writes its address to FILE and serves until it is stopped.
"""

import ctypes
import glob
import json
import os
import signal
import sys
from pathlib import Path

import confluent_kafka

_PRODUCER = 0


def _library() -> ctypes.CDLL:
    folder = Path(confluent_kafka.__file__).parent.parent / "confluent_kafka.libs"
    found = sorted(glob.glob(str(folder / "librdkafka*")))
    return ctypes.CDLL(found[0])


def serve(said: Path, topics: list[str], partitions: int) -> None:
    """Start the cluster with one broker, write its address, wait for the end."""
    library = _library()
    for name in ("rd_kafka_conf_new", "rd_kafka_new", "rd_kafka_mock_cluster_new"):
        getattr(library, name).restype = ctypes.c_void_p
    library.rd_kafka_mock_cluster_bootstraps.restype = ctypes.c_char_p
    text = ctypes.create_string_buffer(512)
    client = library.rd_kafka_new(_PRODUCER, ctypes.c_void_p(library.rd_kafka_conf_new()), text, 512)
    if not client:
        raise RuntimeError(text.value.decode())
    cluster = ctypes.c_void_p(library.rd_kafka_mock_cluster_new(ctypes.c_void_p(client), 1))
    for topic in topics:
        library.rd_kafka_mock_topic_create(cluster, topic.encode(), partitions, 1)
    address = library.rd_kafka_mock_cluster_bootstraps(cluster).decode().split(",")[0]
    part = said.with_suffix(".part")
    part.write_text(json.dumps({"bootstrap": address.replace("localhost", "127.0.0.1"), "pid": os.getpid()}))
    part.replace(said)
    signal.sigwait({signal.SIGTERM, signal.SIGINT})


if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    plan = json.loads(sys.argv[2])
    serve(Path(sys.argv[1]), plan["topics"], plan["partitions"])
    os._exit(0)
