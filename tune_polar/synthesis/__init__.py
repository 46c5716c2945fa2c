"""Rows to train on, written by a language model behind an OpenAI-compatible endpoint, with a record of each request."""
