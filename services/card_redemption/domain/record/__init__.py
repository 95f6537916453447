"""The permanent record (永久性记录): every attempt, whatever became of it (DOMAIN 1.10, RD-31)."""
