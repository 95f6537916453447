"""How a transaction of a lane can fail."""


class SessionLost(Exception):
    """The connection, and with it the partitions, is gone; nothing of the batch under way was committed."""


class DataFault(Exception):
    """The batch fails for a reason that lies in its data."""


class TransientFault(Exception):
    """The batch may pass if tried again."""
