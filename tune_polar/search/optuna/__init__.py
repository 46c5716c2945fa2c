"""What is proposed: Optuna by ask and tell, told by the records alone."""
