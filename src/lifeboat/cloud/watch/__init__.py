"""What is watched at AWS, so that somebody is told even when this machine is dead: metrics, alarms, the budget."""
