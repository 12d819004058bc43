"""How everything stands, in Prometheus' form: ``exposition.py``; alert rules and a Grafana dashboard for those who have both."""
