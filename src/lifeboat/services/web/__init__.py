"""The dashboard: pages made on the server from facts that somebody else gathered. It opens no repository and starts nothing itself."""
