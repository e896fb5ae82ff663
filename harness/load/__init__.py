"""The callers: an open-loop schedule played by Locust in a process of its own."""
