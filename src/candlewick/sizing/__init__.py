"""What an experiment will cost, said before it is trained: parameters, memory, time and latency."""
