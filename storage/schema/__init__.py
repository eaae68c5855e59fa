"""What is written down: the tables, the views for people, and how an older schema becomes this one."""
