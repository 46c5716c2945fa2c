"""What a search needs and what this machine offers: slots, memory, disk, time."""
