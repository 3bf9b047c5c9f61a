"""Serving without torch: a trained model as plain arrays and a graph, stepped bar by bar."""
