"""Turn findings into pages and tables: pure functions of their input."""
