"""The shop's back office: owns the catalogue, takes the writes, sends every change on."""
