"""The HTTP service under load, beside the bare encoder."""
