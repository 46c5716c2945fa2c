"""Racing: which configurations are given up before all their folds are trained. Pure: neither Ray nor Optuna."""
