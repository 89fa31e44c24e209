"""textshot inside other people's frameworks; each module is imported by those who use it alone."""
