"""The adapter that comes with textshot, and what it is worth on sets that it was not trained on."""
