"""The reference router: how failover between LLM providers is done right."""
