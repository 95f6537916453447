"""Disputes and appeals about redemptions (争议、申诉): who is heard first."""
