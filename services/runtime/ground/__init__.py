"""What everything stands on: settings, clock, PostgreSQL, the wire of a service and its records."""
