"""Racing: which configurations are given up before all their cells are trained. Pure: neither Ray nor Optuna."""
