"""Runs that a scheduler asks for, over HTTP."""
