"""Steps of whole networks compiled for this machine, for the precisions that a general library does slowly."""
