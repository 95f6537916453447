"""Statement cuts, and what is still due of the bills before."""
