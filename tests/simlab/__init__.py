"""Long simulations: applications that put the library under stress, and a program that runs them under many seeds."""
