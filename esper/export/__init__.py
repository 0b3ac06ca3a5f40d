"""Grown networks as files: kept, listed, loaded and exported."""
