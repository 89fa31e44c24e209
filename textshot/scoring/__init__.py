"""Scores, thresholds and probabilities from the keys of categories. Pure arrays."""
