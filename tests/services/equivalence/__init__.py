"""What worlds in memory keep and what PostgreSQL keeps is the same, conflicts and failed commits included."""
