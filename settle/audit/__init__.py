"""The auditor behind `settle verify`: reads the databases of a running or stopped engine and says what does not hold."""
