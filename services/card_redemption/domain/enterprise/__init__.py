"""Agreements with enterprises (企业客户): their terms, what is redeemed under them, revocation in batches."""
