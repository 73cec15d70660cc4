"""The clinical rules as data: every file here may be replaced by a same-named file of a clinic."""
