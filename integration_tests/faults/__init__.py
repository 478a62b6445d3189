"""The fault campaign: services under load, faults made on purpose, and a judge at the end."""
