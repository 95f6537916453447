"""What customers owe us beside their plans."""
