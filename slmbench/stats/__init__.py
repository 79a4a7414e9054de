"""Pure arithmetic on scores: intervals, paired differences, Pareto fronts."""
