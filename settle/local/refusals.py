"""What an operator gave or has that cannot be used. The message is one line for people; the exit status is 2."""


class CannotRun(RuntimeError):
    """It cannot be done here as things are; the message says what to change."""


class WrongFolder(CannotRun):
    """The data folder is no folder, is somebody else's, or cannot be read or written."""


class AlreadyRunning(CannotRun):
    """Somebody else holds the data folder; the message says who."""


class NoEngine(CannotRun):
    """No engine runs, or ever ran, on this data."""


class BadSetting(CannotRun):
    """A variable of the environment makes no sense; the message names it."""


class NoPostgres(CannotRun):
    """There is no server to use and no way to start one; the message says what to install or set."""


class NoBroker(CannotRun):
    """The broker that was asked for cannot be had; the message says why."""


class DidNotStart(CannotRun):
    """A process of the engine ended or stayed silent when it was started."""
