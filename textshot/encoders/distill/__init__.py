"""Static encoders: distilled from another encoder (extra `static`)."""
