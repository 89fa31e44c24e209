"""The batch job: rows a second, memory against rows, and what it costs beside a bare loop."""
