"""The working days of Shanghai as rows: one calendar a year, which two people put in force (CV-13)."""
