"""The search on Ray: tuner, searcher, scheduler and workers are thin adapters around the search core."""
