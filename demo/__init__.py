"""A stand-in for AWS: an organization kept as plain Python, served over HTTP to the real SDK."""
