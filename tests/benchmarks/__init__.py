"""Figures of pure code, printed by scripts: no engine, no database."""
