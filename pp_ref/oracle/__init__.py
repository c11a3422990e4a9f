"""Judges any implementation of the paper's operations: exact values, derived bounds, and what is wrong in words."""
