"""Reporting: results as files and on the terminal."""
