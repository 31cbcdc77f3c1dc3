"""Files to records: every line is read strictly, and what is odd about it is said."""
