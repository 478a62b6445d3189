"""The two seams between models and transports."""
