"""What people run: the command line and its kits. They use services over the wire or by their pure parts."""
