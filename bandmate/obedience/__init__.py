"""Whether music is what was asked for: a checker that shares no code with the composers, and trials that use it."""
