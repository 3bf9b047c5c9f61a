"""From a verdict to what serves: immutable bundles, the pointers to them, and the journal of all that happened."""
