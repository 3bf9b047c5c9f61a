"""Statistics of evidence: intervals and tests that allow for dependence in time and for many trials."""
