"""What each platform's raw tables are turned into before anything else sees them: one module a platform."""
