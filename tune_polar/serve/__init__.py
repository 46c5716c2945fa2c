"""A model at the end: what a search's best configuration says of new texts."""
