"""Long runs of simulations: applications made to be hard on the library, and a program that runs them under many seeds."""
