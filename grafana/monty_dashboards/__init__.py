"""Grafana's dashboards, alert rules and their page of documentation, as `grafana/build.py` writes them."""
