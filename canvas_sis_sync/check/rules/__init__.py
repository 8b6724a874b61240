"""The rules, by the kinds that they are about; `registry` puts them together."""
