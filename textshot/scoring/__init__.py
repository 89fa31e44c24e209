"""From keys to scores, thresholds and probabilities. Pure arrays."""
