"""The dashboard: pages and a JSON API over one site, for people who look at alerts."""
