"""Stand-in LLM providers that answer, stream, bill and fail like the real ones."""
