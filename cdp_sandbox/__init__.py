"""A local stand-in of the platform's HTTP API, faithful to its documents and hostile on request."""
