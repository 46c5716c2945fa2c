"""When a search ends: its rules, signals, and the end that is forced."""
