"""The auditor behind `settle verify`: reads the databases of an engine, running or stopped; says what does not hold."""
