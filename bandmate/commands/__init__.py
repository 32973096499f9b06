"""What the commands of the command line do. Nothing here imports torch before it is needed."""
