"""The energy suite: joules of an answer, gross and net, and what they cost in carbon and money."""
