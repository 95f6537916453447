"""What is decided about redemptions: they look at what is known, begin sagas, and go on by themselves."""
