"""Makes Grafana's dashboards, alert rules and their page of documentation, which `grafana/build.py` writes."""
