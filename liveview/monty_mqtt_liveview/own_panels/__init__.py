"""Reads what the operator put beside the page: panels of their own, `layout.toml`, `page.css`."""
