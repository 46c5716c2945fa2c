"""The report of anybody's predictions, as `tune-polar decide` and ``tune_polar.decide`` give it."""
