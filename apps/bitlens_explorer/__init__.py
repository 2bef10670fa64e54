"""The explorer: looks at a recorded run in a browser. It draws what the library says and computes nothing itself."""
