"""The command line: read arguments, call the pipeline, print."""
