"""The paper's figures from real data: one file a figure, on one run store and one sweep."""
