"""Helpers of the book *From One-Hot to Encoder*: one concept a module, tested against an oracle that is not ours."""
