"""What watching costs, measured."""
