"""Read and write other tools' result formats."""
