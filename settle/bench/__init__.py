"""The load kit behind `settle bench`: the engine's figures, the ceiling of its SQL and the auditor's verdict."""
