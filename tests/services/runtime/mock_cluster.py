"""librdkafka's mock cluster, driven through its C interface: a broker that fails when told (RELIABILITY, tier K2)."""

import ctypes
from pathlib import Path

import confluent_kafka

_NAME_BYTES = 512
_PRODUCER = 0


def _library() -> ctypes.CDLL:
    folder = Path(confluent_kafka.__file__).parent.parent / "confluent_kafka.libs"
    library = ctypes.CDLL(str(next(folder.glob("librdkafka*.so*"))))
    for name in ("rd_kafka_new", "rd_kafka_conf_new", "rd_kafka_mock_cluster_new"):
        getattr(library, name).restype = ctypes.c_void_p
    library.rd_kafka_mock_cluster_bootstraps.restype = ctypes.c_char_p
    return library


class MockCluster:
    """Brokers numbered from 1, alive until `close`."""

    def __init__(self, brokers: int = 1) -> None:
        self._library = _library()
        failure = ctypes.create_string_buffer(_NAME_BYTES)
        conf = self._library.rd_kafka_conf_new()
        self._handle = ctypes.c_void_p(
            self._library.rd_kafka_new(_PRODUCER, ctypes.c_void_p(conf), failure, ctypes.c_size_t(_NAME_BYTES))
        )
        self._cluster = ctypes.c_void_p(self._library.rd_kafka_mock_cluster_new(self._handle, brokers))
        self.bootstrap: str = self._library.rd_kafka_mock_cluster_bootstraps(self._cluster).decode()

    def create_topic(self, name: str, partitions: int) -> None:
        """A topic with this many partitions."""
        self._check(self._library.rd_kafka_mock_topic_create(self._cluster, name.encode(), partitions, 1))

    def fail_next(self, api_key: int, *codes: int) -> None:
        """Answer the next requests of this API with these error codes, one each."""
        errors = (ctypes.c_int * len(codes))(*codes)
        self._library.rd_kafka_mock_push_request_errors_array(
            self._cluster, ctypes.c_int16(api_key), ctypes.c_size_t(len(codes)), errors
        )

    def set_down(self, broker: int = 1) -> None:
        """Close the broker's connections and refuse new ones."""
        self._check(self._library.rd_kafka_mock_broker_set_down(self._cluster, broker))

    def set_up(self, broker: int = 1) -> None:
        """Let the broker accept connections again."""
        self._check(self._library.rd_kafka_mock_broker_set_up(self._cluster, broker))

    def set_rtt(self, milliseconds: int, broker: int = 1) -> None:
        """Delay every answer of the broker."""
        self._check(self._library.rd_kafka_mock_broker_set_rtt(self._cluster, broker, milliseconds))

    def set_leader(self, topic: str, partition: int, broker: int) -> None:
        """Move a partition to another broker; -1 leaves it without a leader."""
        self._check(self._library.rd_kafka_mock_partition_set_leader(self._cluster, topic.encode(), partition, broker))

    def close(self) -> None:
        """End the brokers."""
        self._library.rd_kafka_mock_cluster_destroy(self._cluster)
        self._library.rd_kafka_destroy(self._handle)

    @staticmethod
    def _check(code: int) -> None:
        if code:
            raise RuntimeError(f"mock cluster error {code}")
