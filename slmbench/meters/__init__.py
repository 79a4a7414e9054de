"""Measure the host, one instrument in each file."""
