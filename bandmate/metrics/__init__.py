"""What can be measured in music: one question a file, each measure with its formula, its source and its empty case."""
