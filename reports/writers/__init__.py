"""What becomes of a `Result`: one file a format, found by the file's name."""
