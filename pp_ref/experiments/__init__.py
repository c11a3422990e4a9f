"""The paper's figures from real data: one file a figure, and one run store and one sweep for all."""
