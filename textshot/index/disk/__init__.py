"""An index on disk: format, manifest, files and generations."""
