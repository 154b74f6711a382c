"""Answers what browsers and programs request from the page over HTTP and WebSocket."""
