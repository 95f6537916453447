"""Disputes and appeals about redemptions (争议、申诉): who may open one, who is heard first, and what comes of it."""
