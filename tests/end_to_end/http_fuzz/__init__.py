"""Requests that nobody should send, by the million: made up, valid ones with something wrong, and what is no HTTP.

What comes of a request is told by its number and the seed alone, but for the tokens, which end.
"""
