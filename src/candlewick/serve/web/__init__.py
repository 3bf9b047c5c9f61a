"""What is spoken over HTTP and WebSockets, and who may speak; the status page."""
