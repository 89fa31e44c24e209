"""Train the adapter that comes with textshot, and measure it on sets that it never saw."""
