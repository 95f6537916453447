"""The deployment: the image without an engine, the chart, upgrades, backups, dashboards and alerts."""
