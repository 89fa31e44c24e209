"""The index at size: ten categories to a million."""
